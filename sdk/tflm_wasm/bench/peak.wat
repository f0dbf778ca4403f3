;; The products that a convolution is made of, and nothing else: four rows times two filters of int16,
;; with eight sums in registers. 64 MACs a round.
(module
  (memory 1)
  (func (export "run") (param $rounds i32) (result i32)
    (local $at i32)
    (local $r0 v128) (local $r1 v128) (local $r2 v128) (local $r3 v128)
    (local $w0 v128) (local $w1 v128)
    (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
    (local $s4 v128) (local $s5 v128) (local $s6 v128) (local $s7 v128)
    (loop $next
      ;; 16 KiB, which the first cache holds.
      (local.set $at (i32.and (i32.add (local.get $at) (i32.const 96)) (i32.const 0x3fff)))
      (local.set $r0 (v128.load offset=0 (local.get $at)))
      (local.set $r1 (v128.load offset=16 (local.get $at)))
      (local.set $r2 (v128.load offset=32 (local.get $at)))
      (local.set $r3 (v128.load offset=48 (local.get $at)))
      (local.set $w0 (v128.load offset=64 (local.get $at)))
      (local.set $w1 (v128.load offset=80 (local.get $at)))
      (local.set $s0 (i32x4.add (local.get $s0) (i32x4.dot_i16x8_s (local.get $r0) (local.get $w0))))
      (local.set $s1 (i32x4.add (local.get $s1) (i32x4.dot_i16x8_s (local.get $r0) (local.get $w1))))
      (local.set $s2 (i32x4.add (local.get $s2) (i32x4.dot_i16x8_s (local.get $r1) (local.get $w0))))
      (local.set $s3 (i32x4.add (local.get $s3) (i32x4.dot_i16x8_s (local.get $r1) (local.get $w1))))
      (local.set $s4 (i32x4.add (local.get $s4) (i32x4.dot_i16x8_s (local.get $r2) (local.get $w0))))
      (local.set $s5 (i32x4.add (local.get $s5) (i32x4.dot_i16x8_s (local.get $r2) (local.get $w1))))
      (local.set $s6 (i32x4.add (local.get $s6) (i32x4.dot_i16x8_s (local.get $r3) (local.get $w0))))
      (local.set $s7 (i32x4.add (local.get $s7) (i32x4.dot_i16x8_s (local.get $r3) (local.get $w1))))
      (br_if $next (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (i32x4.extract_lane 0
      (i32x4.add
        (i32x4.add (i32x4.add (local.get $s0) (local.get $s1)) (i32x4.add (local.get $s2) (local.get $s3)))
        (i32x4.add (i32x4.add (local.get $s4) (local.get $s5)) (i32x4.add (local.get $s6) (local.get $s7)))))))
