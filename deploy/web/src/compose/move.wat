;; Bicubic sampling of a picture by a processor, a pixel of four bytes at a time. See processor.ts.
(module
  (import "page" "memory" (memory 1))

  ;; Write the pixels $column to $to of a row at $out, from the places that the pairs of floats at $away tell, counted
  ;; from each pixel. $picture is the address of the pixel (-1, -1), rows are $stride pixels long; places are held within
  ;; $right and $bottom. $weights has four 16-bit weights for each of $phases places between two pixels.
  (func (export "move")
    (param $out i32) (param $away i32) (param $column i32) (param $to i32) (param $row i32)
    (param $picture i32) (param $stride i32) (param $right f32) (param $bottom f32)
    (param $weights i32) (param $phases f32)
    (local $x f32) (local $y f32) (local $across i32) (local $down i32) (local $at i32) (local $end i32)
    (local $first v128) (local $last v128) (local $four v128) (local $sum v128)
    (block $done
      (loop $pixel
        (br_if $done (i32.ge_s (local.get $column) (local.get $to)))
        (local.set $x (f32.add (f32.convert_i32_s (local.get $column)) (f32.load (local.get $away))))
        (local.set $y (f32.add (f32.convert_i32_s (local.get $row)) (f32.load offset=4 (local.get $away))))
        (local.set $x (f32.max (f32.const -1) (f32.min (local.get $right) (local.get $x))))
        (local.set $y (f32.max (f32.const -1) (f32.min (local.get $bottom) (local.get $y))))
        (local.set $across (call $phase (local.get $x) (local.get $weights) (local.get $phases)))
        (local.set $down (call $phase (local.get $y) (local.get $weights) (local.get $phases)))
        (local.set $first (v128.load32_splat (local.get $across)))
        (local.set $last (v128.load32_splat offset=4 (local.get $across)))
        (local.set $at (i32.add (local.get $picture) (i32.shl
          (i32.add
            (i32.mul (i32.trunc_f32_s (f32.floor (local.get $y))) (local.get $stride))
            (i32.trunc_f32_s (f32.floor (local.get $x))))
          (i32.const 2))))
        (local.set $sum (v128.const i32x4 0x200000 0x200000 0x200000 0x200000)) ;; half a level
        (local.set $end (i32.add (local.get $down) (i32.const 8)))
        (loop $line
          (local.set $four (v128.load (local.get $at)))
          (local.set $sum (i32x4.add (local.get $sum) (i32x4.mul
            (i32x4.splat (i32.load16_s (local.get $down)))
            (i32x4.add
              (i32x4.dot_i16x8_s (local.get $first) (i8x16.shuffle 0 16 4 16 1 16 5 16 2 16 6 16 3 16 7 16
                (local.get $four) (v128.const i32x4 0 0 0 0)))
              (i32x4.dot_i16x8_s (local.get $last) (i8x16.shuffle 8 16 12 16 9 16 13 16 10 16 14 16 11 16 15 16
                (local.get $four) (v128.const i32x4 0 0 0 0)))))))
          (local.set $at (i32.add (local.get $at) (i32.shl (local.get $stride) (i32.const 2))))
          (local.set $down (i32.add (local.get $down) (i32.const 2)))
          (br_if $line (i32.lt_u (local.get $down) (local.get $end))))
        (local.set $sum (i32x4.shr_s (local.get $sum) (i32.const 22)))
        (local.set $sum (i16x8.narrow_i32x4_s (local.get $sum) (local.get $sum)))
        (v128.store32_lane 0 (local.get $out) (i8x16.narrow_i16x8_u (local.get $sum) (local.get $sum)))
        (local.set $out (i32.add (local.get $out) (i32.const 4)))
        (local.set $away (i32.add (local.get $away) (i32.const 8)))
        (local.set $column (i32.add (local.get $column) (i32.const 1)))
        (br $pixel))))

  ;; The address of the weights for a place.
  (func $phase (param $place f32) (param $weights i32) (param $phases f32) (result i32)
    (i32.add (local.get $weights) (i32.shl
      (i32.trunc_f32_s (f32.nearest (f32.mul
        (f32.sub (local.get $place) (f32.floor (local.get $place))) (local.get $phases))))
      (i32.const 3)))))
