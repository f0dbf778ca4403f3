;; A conforming module, as small as one can be: it has no TensorFlow Lite model. Its "model" is the
;; 16 bytes NEG1...., embedded; it takes int8[5] and int8[16] and gives their negatives: two
;; operators, one for each.
;; guests.toml edits this text to break one rule at a time.
;;
;;   [0, 4096)     control block      4096 + 64 * -status   error sentences
;;   5120          embedded model     7168                  state (unused here)
;;                                    7172                  where the last invoke ended
;;   8192          heap_base: arena of 64 bytes: inputs at +0 and +16, outputs at +32 and +48
(module
  (memory (export "memory") 1)

  ;; The static fields of the block.
  (data (i32.const 24) "TFLW")
  (data (i32.const 28) "\01\00\02\00")              ;; abi_major 1, abi_minor 2
  (data (i32.const 32) "\02\00\00\00")              ;; features: embedded_model
  (data (i32.const 36) "\00\14\00\00\10\00\00\00")  ;; model_ptr 5120, model_size 16
  (data (i32.const 44) "\40\00\00\00")              ;; scratch_size 64
  (data (i32.const 48) "\00\20\00\00")              ;; heap_base 8192
  (data (i32.const 64) "\00\00\02\00\00\00\01\00")  ;; max_model_size, max_input_size: strict
  (data (i32.const 88) "\10\00\00\00")              ;; page_log2 16
  (data (i32.const 92) "\00\00\00\00")              ;; stack_size 0: no C stack here
  (data (i32.const 4080)
    "\a5\c5\a5\c5\a5\c5\a5\c5\a5\c5\a5\c5\a5\c5\a5\c5")

  (data (i32.const 4160) "the model does not begin with NEG1")
  (data (i32.const 4544) "the arena takes 64 bytes")
  (data (i32.const 4608) "model_size is 0 or over max_model_size")
  (data (i32.const 4672) "input_size is not 21")
  (data (i32.const 4736) "output_cap is less than 21")
  (data (i32.const 4800) "a buffer is outside memory or not aligned")
  (data (i32.const 4864) "no model is loaded, or these are not the next operators")
  (data (i32.const 5120) "NEG1")

  ;; Leave `status` and its sentence in the block, and return it.
  (func $answer (param $status i32) (result i32)
    (i32.store (i32.const 20) (local.get $status))
    (i32.store (i32.const 80) (i32.const -1))
    (i32.store (i32.const 84) (i32.const -1))
    (memory.fill (i32.const 2176) (i32.const 0) (i32.const 256))
    (if (local.get $status) (then
      (i32.store (i32.const 7172) (i32.const 0))
      (memory.copy
        (i32.const 2176)
        (i32.sub (i32.const 4096) (i32.mul (local.get $status) (i32.const 64)))
        (i32.const 64))))
    (local.get $status))

  (func $memory_bytes (result i32)
    (i32.mul (memory.size) (i32.const 65536)))

  ;; 1 when [start, start + bytes) is not inside memory or reaches into the block.
  (func $outside (param $start i32) (param $bytes i32) (result i32)
    (i32.or
      (i32.lt_u (local.get $start) (i32.const 4096))
      (i32.or
        (i32.gt_u (local.get $start) (call $memory_bytes))
        (i32.gt_u (local.get $bytes) (i32.sub (call $memory_bytes) (local.get $start))))))

  (func $align (param $address i32) (result i32)
    (i32.and (i32.add (local.get $address) (i32.const 15)) (i32.const -16)))

  ;; align16(heap_base) when [there, there + scratch) leaves the model alone, else behind the model.
  (func $place_arena (param $model i32) (param $size i32) (param $scratch i32) (result i32)
    (local $first i32)
    (local $end i32)
    (local.set $first (call $align (i32.load (i32.const 48))))
    (local.set $end (i32.add (local.get $model) (local.get $size)))
    (if (i32.or
          (i32.ge_u (local.get $first) (local.get $end))
          (i32.and
            (i32.ge_u (local.get $model) (local.get $first))
            (i32.ge_u (i32.sub (local.get $model) (local.get $first)) (local.get $scratch))))
      (then (return (local.get $first))))
    (call $align (local.get $end)))

  ;; Fill descriptor `slot` with int8[bytes] at `address`.
  (func $describe (param $slot i32) (param $address i32) (param $bytes i32)
    (local $at i32)
    (local.set $at (i32.add (i32.const 128) (i32.mul (local.get $slot) (i32.const 64))))
    (i32.store (local.get $at) (local.get $address))
    (i32.store offset=4 (local.get $at) (local.get $bytes))
    (i32.store offset=8 (local.get $at) (i32.const 0x0109)) ;; type INT8, rank 1
    (i32.store offset=12 (local.get $at) (local.get $slot))
    (i32.store offset=24 (local.get $at) (local.get $bytes)))

  (func $unload
    (i32.store (i32.const 7172) (i32.const 0))
    (memory.fill (i32.const 52) (i32.const 0) (i32.const 12)) ;; arena_ptr, _used, _needed
    (memory.fill (i32.const 72) (i32.const 0) (i32.const 8))  ;; counts
    (memory.fill (i32.const 128) (i32.const 0) (i32.const 2048)))

  (func $init (export "tflm_wasm_init")
    (param $model i32) (param $size i32) (param $scratch i32) (result i32)
    (local $arena i32)
    (call $unload)
    (if (i32.or
          (i32.eqz (local.get $size))
          (i32.gt_u (local.get $size) (i32.load (i32.const 64))))
      (then (return (call $answer (i32.const -8)))))
    (if (i32.or
          (i32.and (local.get $model) (i32.const 15))
          (call $outside (local.get $model) (local.get $size)))
      (then (return (call $answer (i32.const -11)))))
    (local.set $arena
      (call $place_arena (local.get $model) (local.get $size) (local.get $scratch)))
    (if (call $outside (local.get $arena) (local.get $scratch))
      (then (return (call $answer (i32.const -11)))))
    (if (i32.ne (i32.load (local.get $model)) (i32.const 0x3147454e)) ;; NEG1
      (then (return (call $answer (i32.const -1)))))
    (i32.store (i32.const 60) (i32.const 64))
    (if (i32.lt_u (local.get $scratch) (i32.const 64))
      (then (return (call $answer (i32.const -7)))))
    (i32.store (i32.const 36) (local.get $model))
    (i32.store (i32.const 40) (local.get $size))
    (i32.store (i32.const 44) (local.get $scratch))
    (i32.store (i32.const 52) (local.get $arena))
    (i32.store (i32.const 56) (i32.const 64))         ;; arena_used
    (i32.store (i32.const 72) (i32.const 0x00020002)) ;; two inputs, two outputs
    (i32.store (i32.const 76) (i32.const 2))          ;; op_count
    (call $describe (i32.const 0) (local.get $arena) (i32.const 5))
    (call $describe (i32.const 1) (i32.add (local.get $arena) (i32.const 16)) (i32.const 16))
    (call $describe (i32.const 2) (i32.add (local.get $arena) (i32.const 32)) (i32.const 5))
    (call $describe (i32.const 3) (i32.add (local.get $arena) (i32.const 48)) (i32.const 16))
    (i32.store (i32.const 0) (local.get $arena))
    (i32.store (i32.const 4) (i32.const 21))
    (i32.store (i32.const 8) (i32.add (local.get $arena) (i32.const 32)))
    (i32.store (i32.const 12) (i32.const 21))
    (i32.store (i32.const 16) (i32.const 0))
    (; init: loaded ;)
    (call $answer (i32.const 0)))

  (func $negate (param $from i32) (param $to i32) (param $bytes i32)
    (loop $next
      (local.set $bytes (i32.sub (local.get $bytes) (i32.const 1)))
      (i32.store8
        (i32.add (local.get $to) (local.get $bytes))
        (i32.sub
          (i32.const 0)
          (i32.load8_u (i32.add (local.get $from) (local.get $bytes)))))
      (br_if $next (local.get $bytes))))

  (func $invoke (export "wasm_invoke") (result i32)
    (local $arena i32)
    (local $in i32)
    (local $out i32)
    (local $first i32)
    (local $end i32)
    (local.set $arena (i32.load (i32.const 52)))
    (local.set $in (i32.load (i32.const 0)))
    (local.set $out (i32.load (i32.const 8)))
    (local.set $first (i32.load (i32.const 104)))
    (local.set $end (i32.load (i32.const 108)))
    (if (i32.eqz (i32.or (local.get $first) (local.get $end)))
      (then (local.set $end (i32.const 2)))
      (else (i32.store (i32.const 112) (i32.const -1)))) ;; op_code: none of TensorFlow Lite's
    (if (i32.eqz (local.get $arena))
      (then (return (call $answer (i32.const -12)))))
    (if (i32.ne (i32.load (i32.const 4)) (i32.const 21))
      (then (return (call $answer (i32.const -9)))))
    (i32.store (i32.const 16) (i32.const 21)) ;; output_size: the bytes needed
    (if (i32.lt_s (i32.load (i32.const 12)) (i32.const 21))
      (then (return (call $answer (i32.const -10)))))
    (if (call $outside (local.get $in) (i32.const 21))
      (then (return (call $answer (i32.const -11)))))
    (if (call $outside (local.get $out) (i32.const 21))
      (then (return (call $answer (i32.const -11)))))
    (if (i32.or
          (i32.gt_u (local.get $first) (local.get $end))
          (i32.gt_u (local.get $end) (i32.const 2)))
      (then (return (call $answer (i32.const -12)))))
    (if (i32.and
          (i32.ne (local.get $first) (i32.const 0))
          (i32.ne (local.get $first) (i32.load (i32.const 7172))))
      (then (return (call $answer (i32.const -12)))))
    (i32.store (i32.const 7172) (local.get $end))
    (i32.store (i32.const 16) (select (i32.const 21) (i32.const 0) (i32.eq (local.get $end) (i32.const 2))))
    (; invoke: checked ;)
    (if (i32.lt_u (local.get $first) (i32.ge_u (local.get $end) (i32.const 1)))
      (then (call $negate (local.get $in) (local.get $out) (i32.const 5))))
    (if (i32.and (i32.le_u (local.get $first) (i32.const 1)) (i32.eq (local.get $end) (i32.const 2)))
      (then (call $negate
        (i32.add (local.get $in)
          (select (i32.const 16) (i32.const 5)
            (i32.eq (local.get $in) (local.get $arena))))
        (i32.add (local.get $out)
          (select (i32.const 16) (i32.const 5)
            (i32.eq (local.get $out) (i32.add (local.get $arena) (i32.const 32)))))
        (i32.const 16))
        (; invoke: last ;)))
    (; invoke: done ;)
    (call $answer (i32.const 0)))

  ;; 1 when `count` frames of 21 bytes from `start` on are not inside memory, or in the block.
  (func $frames_outside (param $start i32) (param $count i32) (result i32)
    (i32.or
      (i32.lt_u (local.get $start) (i32.const 4096))
      (i64.gt_u
        (i64.add
          (i64.extend_i32_u (local.get $start))
          (i64.mul (i64.extend_i32_u (local.get $count)) (i64.const 21)))
        (i64.extend_i32_u (call $memory_bytes)))))

  ;; Each frame is an invoke whose buffers are moved to it.
  (func (export "tflm_wasm_invoke_many")
    (param $in i32) (param $out i32) (param $count i32) (result i32)
    (local $own_in i32)
    (local $own_out i32)
    (local $status i32)
    (local.set $own_in (i32.load (i32.const 0)))
    (local.set $own_out (i32.load (i32.const 8)))
    (i32.store (i32.const 116) (i32.const 0)) ;; frames_done
    (if (i32.or
          (i32.eqz (i32.load (i32.const 52)))
          (i32.or (i32.load (i32.const 104)) (i32.load (i32.const 108))))
      (then (return (call $answer (i32.const -12)))))
    (if (i32.or
          (call $frames_outside (local.get $in) (local.get $count))
          (call $frames_outside (local.get $out) (local.get $count)))
      (then (return (call $answer (i32.const -11))))) ;; many: outside
    (local.set $status (call $answer (i32.const 0)))
    (block $stop
      (loop $next
        (br_if $stop (i32.eq (i32.load (i32.const 116)) (local.get $count)))
        (i32.store (i32.const 0) (local.get $in))
        (i32.store (i32.const 8) (local.get $out))
        (local.set $status (call $invoke))
        (br_if $stop (local.get $status))
        (i32.store (i32.const 116) (i32.add (i32.load (i32.const 116)) (i32.const 1)))
        (local.set $in (i32.add (local.get $in) (i32.const 21)))
        (local.set $out (i32.add (local.get $out) (i32.const 21)))
        (; many: next ;)
        (br $next)))
    (i32.store (i32.const 0) (local.get $own_in))
    (i32.store (i32.const 8) (local.get $own_out))
    (; many: done ;)
    (local.get $status))

  (func (export "tflm_wasm_reset") (result i32)
    (if (i32.eqz (i32.load (i32.const 52)))
      (then (return (call $answer (i32.const -12)))))
    (i32.store (i32.const 7172) (i32.const 0))
    (; reset: loaded ;)
    (call $answer (i32.const 0)))

  (func (export "_start")
    (if (i32.eqz (i32.load (i32.const 52))) (then
      (if (i32.eqz (i32.load (i32.const 40))) (then
        (drop (call $answer (i32.const -12)))
        (return)))
      (if (call $init (i32.load (i32.const 36)) (i32.load (i32.const 40)) (i32.load (i32.const 44)))
        (then (return)))))
    (drop (call $invoke)))
)
