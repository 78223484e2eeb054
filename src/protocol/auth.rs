//! Who knows the secret: the handshake's proofs, and the MAC that clients of `@ephemeral-broker/core` put on each message.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroize;

/// The bytes of a secret. Wiped when dropped, and never shown.
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes the secret's text.
    pub fn new(text: &str) -> Self {
        Self(text.as_bytes().into())
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        // HMAC takes a key of any length.
        #[allow(clippy::expect_used)]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length");
        parts.iter().for_each(|part| mac.update(part));
        mac
    }

    fn sign(&self, parts: &[&[u8]]) -> String {
        self.mac(parts).finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// In constant time.
    fn verify(&self, parts: &[&[u8]], hex: &str) -> bool {
        decode_hex(hex).is_some_and(|tag| self.mac(parts).verify_slice(&tag).is_ok())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Whose proof it is: each side signs the same nonces under its own name, so that one side's proof is of no use as the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The broker, which proves itself first.
    Broker,
    /// The worker.
    Client,
}

impl Side {
    fn label(self) -> &'static [u8] {
        match self {
            Side::Broker => b"ephemeral-broker/1 broker ",
            Side::Client => b"ephemeral-broker/1 client ",
        }
    }
}

/// A side's proof, in hex, that it knows the secret.
pub fn prove(secret: &Secret, side: Side, client_nonce: &str, broker_nonce: &str) -> String {
    secret.sign(&[side.label(), client_nonce.as_bytes(), b" ", broker_nonce.as_bytes()])
}

/// Whether a side's proof holds.
pub fn check(secret: &Secret, side: Side, client_nonce: &str, broker_nonce: &str, proof: &str) -> bool {
    secret.verify(&[side.label(), client_nonce.as_bytes(), b" ", broker_nonce.as_bytes()], proof)
}

/// Whether a nonce is one that a careful client would send.
pub fn is_nonce(text: &str) -> bool {
    (32..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The MAC of a message of an older client, over the text that the message has without it.
pub fn sign_message(secret: &Secret, text: &str) -> String {
    secret.sign(&[text.as_bytes()])
}

/// Whether the `hmac` of a line is the MAC over the line without that member and, where a payload follows, a newline and the payload. `hmac` is the member's value
/// as it stands in the line.
pub fn check_message(secret: &Secret, line: &str, payload: Option<&[u8]>, hmac: &str) -> bool {
    let Some((before, after)) = without_member(line, hmac) else { return false };
    let Some(tag) = hmac.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
    let (newline, payload) = payload.map_or((&b""[..], &b""[..]), |payload| (b"\n", payload));
    secret.verify(&[before.as_bytes(), after.as_bytes(), newline, payload], tag)
}

/// The text around the member `"hmac"` and one comma next to it. `value` must be a part of `line`.
fn without_member<'a>(line: &'a str, value: &str) -> Option<(&'a str, &'a str)> {
    let offset = (value.as_ptr() as usize).checked_sub(line.as_ptr() as usize)?;
    let before = line.get(..offset)?.trim_end().strip_suffix(':')?.trim_end().strip_suffix("\"hmac\"")?;
    let after = line.get(offset + value.len()..)?;
    if let Some(before) = before.trim_end().strip_suffix(',') {
        return Some((before, after));
    }
    let trimmed = after.trim_start();
    Some((before, trimmed.strip_prefix(',').unwrap_or(after)))
}

/// `bytes` random bytes in hex.
///
/// # Errors
/// The system has no randomness to give.
pub fn random_hex(bytes: usize) -> Result<String, getrandom::Error> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random)?;
    let hex = random.iter().map(|byte| format!("{byte:02x}")).collect();
    random.zeroize();
    Ok(hex)
}

fn decode_hex(hex: &str) -> Option<Vec<u8>> {
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..64).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn signs_as_rfc_4231_says() {
        let secret = Secret::new("Jefe");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(sign_message(&secret, "what do ya want for nothing?"), expected);
    }

    #[test]
    fn one_sides_proof_is_not_the_others() {
        let secret = Secret::new("s");
        let proof = prove(&secret, Side::Broker, "aa", "bb");
        assert!(check(&secret, Side::Broker, "aa", "bb", &proof));
        assert!(!check(&secret, Side::Client, "aa", "bb", &proof));
        assert!(!check(&secret, Side::Broker, "aab", "b", &proof));
        assert!(!check(&Secret::new("t"), Side::Broker, "aa", "bb", &proof));
    }

    /// Wherever the member stands, and whatever white space is around it, the text without it is what was signed.
    #[test]
    fn the_member_is_cut_out_of_the_line_as_it_came() {
        let secret = Secret::new("s");
        for (line, rest) in [
            (r#"{"action":"ping","hmac":"#, "}"),
            (r#"{"hmac":"#, r#","action":"ping"}"#),
            (r#"{"action":"ping", "hmac" : "#, r#" , "key":"ü"}"#),
            (r#"{"hmac":"#, "}"),
        ] {
            let signed = match line.split_once("\"hmac\"") {
                Some((before, _)) if before.trim_end().ends_with(',') => {
                    format!("{}{rest}", before.trim_end().trim_end_matches(','))
                }
                Some((before, _)) => format!("{before}{}", rest.trim_start().strip_prefix(',').unwrap_or(rest)),
                None => unreachable!(),
            };
            let tag = format!("\"{}\"", sign_message(&secret, &signed));
            let whole = format!("{line}{tag}{rest}");
            let value = &whole[line.len()..line.len() + tag.len()];
            assert!(check_message(&secret, &whole, None, value), "{whole}");
            assert!(!check_message(&Secret::new("t"), &whole, None, value));
        }
    }

    #[test]
    fn the_payload_is_signed_too() {
        let secret = Secret::new("s");
        let line = format!("{{\"raw\":2,\"hmac\":\"{}\"}}", sign_message(&secret, "{\"raw\":2}\nab"));
        let hmac = &line[16..line.len() - 1];
        assert!(check_message(&secret, &line, Some(b"ab"), hmac));
        assert!(!check_message(&secret, &line, Some(b"ac"), hmac));
        assert!(!check_message(&secret, &line, None, hmac));
    }

    proptest! {
        #[test]
        fn any_text_is_refused_quietly(line in ".*", at in 0usize..40, len in 0usize..80) {
            let at = (0..=at.min(line.len())).rev().find(|&at| line.is_char_boundary(at)).unwrap_or(0);
            let end = (at..=(at + len).min(line.len())).rev().find(|&end| line.is_char_boundary(end)).unwrap_or(at);
            prop_assert!(!check_message(&Secret::new("s"), &line, None, &line[at..end]));
            prop_assert!(!check_message(&Secret::new("s"), &line, None, "elsewhere"));
        }
    }
}
