;; A guest that tries to get out. It conforms to the ABI as far as a board asks, and then does what its
;; input says: uint32[4] = operation, address, value, size.
;;
;;   [0, 4096)  control block    4096  its "model"    4112  input    4128  output    4144  scratch
(module
  (memory (export "memory") 1)
  (table 2 2 funcref)
  (elem (i32.const 1) $answer)
  (type $callee (func (param i32) (result i32)))

  (data (i32.const 24) "TFLW\01\00\00\00\02\00\00\00")
  (data (i32.const 36) "\00\10\00\00\10\00\00\00\00\00\00\00\00\11\00\00") ;; model, no arena, heap
  (data (i32.const 64) "\00\00\02\00\00\00\01\00")
  (data (i32.const 88) "\10\00\00\00")
  (data (i32.const 4080) "\a5\c5\a5\c5\a5\c5\a5\c5\a5\c5\a5\c5\a5\c5\a5\c5")
  (data (i32.const 4096) "ESC1")

  (func $answer (type $callee) (i32.add (local.get 0) (i32.const 1)))

  (func $describe (param $at i32) (param $address i32)
    (i32.store (local.get $at) (local.get $address))
    (i32.store offset=4 (local.get $at) (i32.const 16))
    (i32.store offset=8 (local.get $at) (i32.const 0x010f)) ;; uint32, rank 1
    (i32.store offset=24 (local.get $at) (i32.const 4)))

  (func (export "tflm_wasm_init") (param i32 i32 i32) (result i32)
    (i32.store (i32.const 0) (i32.const 4112))
    (i32.store (i32.const 4) (i32.const 16))
    (i32.store (i32.const 8) (i32.const 4128))
    (i32.store (i32.const 12) (i32.const 16))
    (i32.store (i32.const 72) (i32.const 0x00010001)) ;; one input, one output
    (i32.store (i32.const 80) (i32.const -1))
    (i32.store (i32.const 84) (i32.const -1))
    (call $describe (i32.const 128) (i32.const 4112))
    (call $describe (i32.const 192) (i32.const 4128))
    (i32.const 0))

  (func $descend (param $n i32) (result i32)
    (i32.add (i32.const 1) (i32.load offset=4112
      (i32.and (i32.const 0) (call $descend (i32.add (local.get $n) (i32.const 1)))))))

  ;; Make the table lead to native address `target`: the table is at `table`, as a linear address, and
  ;; linear memory at native address `base`. Then call through it.
  (func $hijack (param $target i32) (param $table i32) (param $base i32) (result i32)
    (memory.copy
      (i32.const 4144)
      (i32.sub (i32.load (local.get $table)) (local.get $base))
      (i32.const 20))
    (i32.store (i32.const 4152) (local.get $target))
    (i32.store (local.get $table) (i32.add (i32.const 4144) (local.get $base)))
    (call_indirect (type $callee) (i32.const 1) (i32.const 1)))

  (func $act (param $op i32) (param $address i32) (param $value i32) (param $size i32) (result i32)
    (block $far_store (block $hijack (block $copy (block $fill (block $indirect (block $trap
    (block $recurse (block $loop (block $far (block $store8 (block $store (block $load (block $benign
      (br_table $benign $load $store $store8 $far $loop $recurse $trap $indirect $fill $copy $hijack
        $far_store (local.get $op)))
      (return (i32.add (local.get $address) (i32.const 1))))
      (return (i32.load (local.get $address))))
      (i32.store (local.get $address) (local.get $value))
      (return (i32.const 0)))
      (i32.store8 (local.get $address) (local.get $value))
      (return (i32.const 0)))
      (return (i32.load offset=0xfffffff0 (local.get $address))))
      (loop $forever (br $forever)))
      (return (call $descend (i32.const 0))))
      (unreachable))
      (return (call_indirect (type $callee) (i32.const 1) (local.get $address))))
      (memory.fill (local.get $address) (local.get $value) (local.get $size))
      (return (i32.const 0)))
      (memory.copy (local.get $address) (local.get $value) (local.get $size))
      (return (i32.const 0)))
    (return (call $hijack (local.get $address) (local.get $value) (local.get $size))))
    (i32.store offset=0xfffffff0 (local.get $address) (local.get $value))
    (i32.const 0))

  (func $invoke (export "wasm_invoke") (result i32)
    (i32.store (i32.const 4128) (call $act
      (i32.load (i32.const 4112)) (i32.load (i32.const 4116))
      (i32.load (i32.const 4120)) (i32.load (i32.const 4124))))
    (i32.store (i32.const 16) (i32.const 16))
    (i32.const 0))

  (func (export "tflm_wasm_reset") (result i32) (i32.const 0))
  (func (export "_start") (drop (call $invoke))))
