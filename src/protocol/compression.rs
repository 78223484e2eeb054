//! How large a value is that its setter compressed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use std::io::Read;
use zeroize::Zeroizing;

/// Why a compressed value is not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is not the base64 of a gzip.
    NotGzip,
    /// It inflates to more than the limit.
    TooLarge,
}

/// The size of what is in the JSON string of a compressed value. Never inflates more than `limit` bytes, and keeps none of them.
///
/// # Errors
/// It is [`Unfit`] to be kept.
pub fn inflated_size(json: &str, limit: usize) -> Result<usize, Unfit> {
    let text = Zeroizing::new(serde_json::from_str::<String>(json).map_err(|_| Unfit::NotGzip)?);
    let packed = Zeroizing::new(STANDARD.decode(text.as_bytes()).map_err(|_| Unfit::NotGzip)?);
    let mut inflater = MultiGzDecoder::new(packed.as_slice()).take(limit as u64 + 1);
    let mut chunk = Zeroizing::new([0; 8192]);
    let mut size = 0;
    loop {
        match inflater.read(chunk.as_mut()) {
            Ok(0) => return Ok(size),
            Ok(n) => size += n,
            Err(_) => return Err(Unfit::NotGzip),
        }
        if size > limit {
            return Err(Unfit::TooLarge);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn packed(bytes: &[u8]) -> String {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        format!("\"{}\"", STANDARD.encode(encoder.finish().unwrap()))
    }

    #[test]
    fn a_bomb_is_not_inflated() {
        let bomb = packed(&vec![0; 50_000_000]);
        assert!(bomb.len() < 100_000);
        assert_eq!(inflated_size(&bomb, 1000), Err(Unfit::TooLarge));
    }

    #[test]
    fn all_members_of_a_gzip_count() {
        let two =
            [packed(b"hello"), packed(b"world")].map(|json| STANDARD.decode(json.trim_matches('"')).unwrap()).concat();
        let json = format!("\"{}\"", STANDARD.encode(two).replace('/', "\\/"));
        assert_eq!(inflated_size(&json, 10), Ok(10));
        assert_eq!(inflated_size(&json, 9), Err(Unfit::TooLarge));
    }

    #[test]
    fn sizes_are_those_of_the_plain_text() {
        assert_eq!(inflated_size(&packed(b"hello"), 5), Ok(5));
        assert_eq!(inflated_size(&packed(b"hello"), 4), Err(Unfit::TooLarge));
        for json in ["1", "\"\"", "\"!\"", "\"aGVsbG8=\"", "{}", "\""] {
            assert_eq!(inflated_size(json, 100), Err(Unfit::NotGzip), "{json}");
        }
    }
}
