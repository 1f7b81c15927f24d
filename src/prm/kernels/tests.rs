//! Each kernel against its plain twin on random numbers.

use super::*;

fn random(n: usize, mut seed: u32) -> Vec<f32> {
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

fn product(x: &[f32], w: &[f32], inputs: usize) -> Vec<f32> {
    let dot = |x: &[f32], w: &[f32]| x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>();
    #[expect(clippy::cast_possible_truncation, reason = "compared with f32")]
    x.chunks_exact(inputs).flat_map(|x| w.chunks_exact(inputs).map(move |w| dot(x, w) as f32)).collect()
}

/// Rows, inputs and outputs.
const SHAPES: [(usize, usize, usize); 8] =
    [(1, 32, 16), (3, 30, 5), (9, 64, 50), (33, 1100, 49), (70, 96, 130), (64, 1504, 64), (97, 301, 250), (530, 70, 81)];

fn assert_near(got: &[f32], want: &[f32], what: &str) {
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() <= 2e-4 + 1e-5 * w.abs(), "{what}, number {i}: {g}, {w} was expected");
    }
}

#[test]
fn a_product_of_views_is_the_sum_of_products() {
    // 2 x 3 with a stride of 4 times the transpose of 2 x 3.
    let a = [1.0, 2.0, 3.0, 99.0, 4.0, 5.0, 6.0];
    let b = [1.0, 0.0, -1.0, 2.0, 2.0, 2.0];
    let mut out = [7.0; 4];
    matmul(&mut out, View::rows(&a, 2, 3, 4), View::rows(&b, 2, 3, 3).transposed(), false);
    assert_near(&out, &[-2.0, 12.0, -2.0, 30.0], "views");
}

/// Levels of this processor from one to another.
fn levels(from: Level, to: Level) -> impl Iterator<Item = Level> {
    Level::NAMED.into_iter().map(|(_, level)| level).filter(move |level| (from..=to.min(Level::of_processor())).contains(level))
}

#[test]
fn every_kernel_of_f32_gives_the_product() {
    for level in levels(Level::Narrow, Level::Tiles) {
        for (rows, inputs, outputs) in SHAPES {
            let (x, w) = (random(rows * inputs, 1), random(outputs * inputs, 2));
            let mut out = vec![9.0; rows * outputs];
            PanelsF32::pack(inputs, w.chunks_exact(inputs), level).apply(&x, &mut out);
            assert_near(&out, &product(&x, &w, inputs), &format!("{level:?}"));
        }
    }
}

/// Products of f32 on tiles keep the digits of f32: their error is that of a sum in f32.
#[test]
fn products_of_planes_have_all_digits() {
    let (rows, inputs, outputs) = (160, 512, 160);
    let (x, w) = (random(rows * inputs, 8), random(outputs * inputs, 9));
    let want = product(&x, &w, inputs);
    let error = |level| {
        let mut out = vec![9.0; rows * outputs];
        PanelsF32::pack(inputs, w.chunks_exact(inputs), level).apply(&x, &mut out);
        out.iter().zip(&want).map(|(o, w)| f64::from(o - w).powi(2)).sum::<f64>()
    };
    if let (Some(tiles), Some(wide)) = (levels(Level::Tiles, Level::Tiles).next(), levels(Level::Wide, Level::Wide).next()) {
        let (tiles, wide) = (error(tiles), error(wide));
        assert!(tiles < 4.0 * wide, "{tiles} on tiles, {wide} in registers");
    }
}

#[test]
fn the_first_outputs_of_panels_are_those_of_all() {
    for level in levels(Level::Narrow, Level::Tiles) {
        for rows in [5, 160] {
            let (x, w) = (random(rows * 32, 1), random(150 * 32, 2));
            let panels = PanelsF32::pack(32, w.chunks_exact(32), level);
            for outputs in [1, 16, 47, 48, 49, 130, 150] {
                let mut out = vec![9.0; rows * outputs];
                panels.apply_first(&x, outputs, &mut out);
                assert_near(&out, &product(&x, &w[..32 * outputs], 32), &format!("{level:?}"));
            }
        }
    }
}

#[test]
fn rows_mixed_in_place_are_the_product() {
    // Columns 16 to 48 of rows of 80 numbers, and others that are no whole panels.
    let b = random(600 * 80, 2);
    for (level, rows) in levels(Level::Plain, Level::Tiles).flat_map(|level| [(level, 7), (level, 150)]) {
        let a = random(rows * 600, 1);
        for columns in [16, 32, 64, 23] {
            let mut out = vec![9.0; rows * columns];
            mix_at(level, &a, View::rows(&b[16..], 600, columns, 80), &mut out);
            let transposed: Vec<f32> = (0..columns).flat_map(|c| b[16 + c..].iter().step_by(80).copied()).collect();
            assert_near(&out, &product(&a, &transposed, 600), &format!("{level:?}"));
        }
    }
}

#[test]
fn every_kernel_of_bf16_gives_the_product_of_rounded_numbers() {
    for level in levels(Level::Plain, Level::Tiles) {
        for (rows, inputs, outputs) in SHAPES.into_iter().chain([(65, 1100, 300)]) {
            let (x, w) = (random(rows * inputs, 3), random(outputs * inputs, 4));
            let w: Vec<u16> = w.iter().map(|&w| to_bf16(w)).collect();
            let mut out = vec![9.0; rows * outputs];
            PanelsBf16::pack(inputs, &w.chunks_exact(inputs).collect::<Vec<_>>(), level).apply(&x, &mut out);
            let exact = |v: &[u16]| v.iter().map(|&b| from_bf16(b)).collect::<Vec<_>>();
            let rounded: Vec<u16> = x.iter().map(|&x| to_bf16(x)).collect();
            assert_near(&out, &product(&exact(&rounded), &exact(&w), inputs), &format!("{level:?}"));
        }
    }
}

/// Rows of Q8_0 blocks with the numbers that they stand for.
fn blocks(outputs: usize, inputs: usize) -> (Vec<u8>, Vec<f32>) {
    let random = random(outputs * inputs, 6);
    let mut rows = Vec::new();
    for block in random.chunks_exact(bytes::BLOCK) {
        // 2^-9 and 2^-8 in half precision.
        rows.extend(if block[0] < 0.0 { 0x1800_u16 } else { 0x1c00 }.to_le_bytes());
        // Rounded to a whole number in the lowest bits.
        rows.extend(block.iter().map(|x| (x * 127.0 + 12_582_912.0).to_bits().to_le_bytes()[0]));
    }
    let mut values = Vec::new();
    super::super::gguf::q8_0(&rows, &mut values);
    (rows, values)
}

#[test]
fn every_kernel_of_bytes_gives_the_product_of_rounded_numbers() {
    for (rows, inputs, outputs) in [(1, 32, 16), (3, 64, 5), (13, 896, 50), (6, 1088, 49), (70, 96, 130)] {
        let x = random(rows * inputs, 5);
        let (w, values) = blocks(outputs, inputs);
        let width = inputs / bytes::BLOCK * super::super::gguf::Q8_BYTES;
        let w: Vec<&[u8]> = w.chunks_exact(width).collect();
        let (mut data, mut scales) = (vec![0; x.len()], vec![0.0; x.len() / bytes::BLOCK]);
        wide::quantise(&x, &mut data, &mut scales);
        let back = data.iter().zip(scales.iter().flat_map(|s| [s; bytes::BLOCK]));
        let rounded: Vec<f32> = back.map(|(q, scale)| (f32::from(*q) - 128.0) * scale).collect();
        for (got, want) in rounded.iter().zip(&x) {
            assert!((got - want).abs() <= 1.0 / 254.0 + 1e-6, "{got} {want}");
        }
        for dots in [Dots::Plain, Dots::Wide, Dots::Four].into_iter().filter(|&d| d <= Dots::of_processor()) {
            let mut out = vec![9.0; rows * outputs];
            PanelsQ8::pack(inputs, &w, dots).apply(&x, &mut out);
            assert_near(&out, &product(&rounded, &values, inputs), &format!("{dots:?}"));
        }
    }
}

#[test]
fn what_is_no_number_stays_so_in_products_of_bytes() {
    let (w, _) = blocks(3, 64);
    let w: Vec<&[u8]> = w.chunks_exact(68).collect();
    for bad in [f32::NAN, f32::INFINITY] {
        let mut x = random(2 * 64, 7);
        x[70] = bad;
        let mut out = vec![0.0; 6];
        PanelsQ8::pack(64, &w, Dots::of_processor()).apply(&x, &mut out);
        assert!(out[..3].iter().all(|x| x.is_finite()) && out[3..].iter().all(|x| x.is_nan()), "{out:?}");
    }
}

#[test]
fn rounding_to_bf16_keeps_what_is_no_number() {
    assert!(from_bf16(to_bf16(f32::NAN)).is_nan() && from_bf16(to_bf16(f32::from_bits(0x7f80_0001))).is_nan());
    // The second lies in the middle and goes to the even one, the third above the middle.
    assert_eq!([1.0, -1.003_906_3, 1.012, f32::INFINITY].map(to_bf16), [0x3f80, 0xbf80, 0x3f82, 0x7f80]);
}
