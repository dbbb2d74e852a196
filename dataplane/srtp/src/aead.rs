//! The raw calls into aws-lc: AES-GCM with a kept context, and the parts of the counter-mode profile, AES in
//! counter mode and SHA-1 with a kept midstate. The only file of the crate with `unsafe`.
//!
//! Why raw: the safe API has no out-of-place seal, so it would copy each payload once more for each viewer
//! (35–50 ns of 200), and its HMAC key is 1.2 KiB that it copies and wipes for each packet. Here a context is
//! 584 bytes (GCM) or 452 (counter mode), lies inline in its owner, and a packet allocates nothing.
//!
//! Unsafe blocks, one operation each: choose the AEAD (2), set up, seal, open and clean up a context; set up
//! and run AES; init, update and finish SHA-1; wipe. Plus one `Send`.
//!
//! Keys are wiped on drop. A value that is moved leaves its old bytes behind, as everywhere in Rust.

#![expect(unsafe_code, reason = "the raw half of aws-lc; every block states its obligations")]

use std::ptr;

use aws_lc_sys as sys;

/// Bytes of a GCM nonce, RFC 7714 §8.1.
pub(crate) const NONCE_LEN: usize = 12;
/// Bytes of a full GCM tag; RFC 7714 §13.1 admits no shorter one.
pub(crate) const GCM_TAG_LEN: usize = 16;
/// Bytes of an AES block.
pub(crate) const BLOCK_LEN: usize = 16;
/// Bytes of a SHA-1 digest.
pub(crate) const SHA1_LEN: usize = 20;

/// Where the plaintext lies.
#[derive(Clone, Copy)]
pub(crate) enum Plaintext<'a> {
    /// Elsewhere; as long as the ciphertext will be.
    Apart(&'a [u8]),
    /// In the place the ciphertext goes to.
    InPlace,
}

impl Plaintext<'_> {
    /// The address to read `len` bytes from, for a ciphertext that goes to `out`.
    fn source(self, out: *mut u8, len: usize) -> *const u8 {
        match self {
            Self::Apart(plaintext) => {
                assert_eq!(plaintext.len(), len, "the cipher keeps the length");
                plaintext.as_ptr()
            }
            Self::InPlace => out.cast_const(),
        }
    }
}

/// An AES-GCM key ready for use: key schedule and GHASH table.
pub(crate) struct Aead(sys::EVP_AEAD_CTX);

// SAFETY: the context is self-contained for AES-GCM: key schedule, table and pointers to static functions; no
// allocation, no address of its own. Calls on it from another thread than the one that set it up are allowed
// (openssl/aead.h).
unsafe impl Send for Aead {}

impl Aead {
    pub(crate) fn aes_128_gcm(key: &[u8; 16]) -> Self {
        // SAFETY: takes nothing; returns the address of a static.
        let algorithm = unsafe { sys::EVP_aead_aes_128_gcm() };
        Self::new(algorithm, key)
    }

    pub(crate) fn aes_256_gcm(key: &[u8; 32]) -> Self {
        // SAFETY: takes nothing; returns the address of a static.
        let algorithm = unsafe { sys::EVP_aead_aes_256_gcm() };
        Self::new(algorithm, key)
    }

    fn new(algorithm: *const sys::EVP_AEAD, key: &[u8]) -> Self {
        let mut context = sys::EVP_AEAD_CTX::default();
        // SAFETY: `context` is a zeroed context that we own; `algorithm` is static; `key` is readable for its
        // length; the engine may be null. On failure nothing is held.
        let done = unsafe {
            sys::EVP_AEAD_CTX_init(
                &raw mut context,
                algorithm,
                key.as_ptr(),
                key.len(),
                GCM_TAG_LEN,
                ptr::null_mut(),
            )
        };
        assert_eq!(done, 1, "AES-GCM takes every key of its length");
        Self(context)
    }

    /// Encrypts `plaintext` into `text` and authenticates it together with `aad` into `tag` ([`GCM_TAG_LEN`]
    /// bytes).
    ///
    /// The caller never uses a nonce twice under one key.
    pub(crate) fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        plaintext: Plaintext<'_>,
        text: &mut [u8],
        tag: &mut [u8],
    ) {
        let out = text.as_mut_ptr();
        let source = plaintext.source(out, text.len());
        let mut tag_len = 0;
        // SAFETY: the context was initialised by `new` and AES-GCM does not write to it. `source` is readable
        // and `out` writable for `text.len()`; they are disjoint or the same address, both of which the call
        // allows. `tag` is a distinct `&mut`, `nonce` and `aad` are shared slices: neither overlaps what is
        // written. No extra input.
        let done = unsafe {
            sys::EVP_AEAD_CTX_seal_scatter(
                &raw const self.0,
                out,
                tag.as_mut_ptr(),
                &raw mut tag_len,
                tag.len(),
                nonce.as_ptr(),
                nonce.len(),
                source,
                text.len(),
                ptr::null(),
                0,
                aad.as_ptr(),
                aad.len(),
            )
        };
        assert!(done == 1 && tag_len == tag.len(), "AES-GCM seals anything under 64 GiB");
    }

    /// Authenticates `aad` and `text` against `tag` and decrypts `text` in place. False if the tag does not
    /// fit; then `text` is zeroed, and the library has noted the failure in its ring of 16 errors a thread,
    /// the only memory it ever takes here: once, at a thread's first forgery.
    #[must_use]
    pub(crate) fn open(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], text: &mut [u8], tag: &[u8]) -> bool {
        let place = text.as_mut_ptr();
        // SAFETY: as in `seal`: an initialised context that is not written to; input and output are the same
        // address, valid for `text.len()`; `nonce`, `aad` and `tag` are readable and do not overlap the
        // `&mut`.
        let done = unsafe {
            sys::EVP_AEAD_CTX_open_gather(
                &raw const self.0,
                place,
                nonce.as_ptr(),
                nonce.len(),
                place.cast_const(),
                text.len(),
                tag.as_ptr(),
                tag.len(),
                aad.as_ptr(),
                aad.len(),
            )
        };
        done == 1
    }
}

impl Drop for Aead {
    fn drop(&mut self) {
        // SAFETY: an initialised context, cleaned up once. It sets `aead` to null and leaves the key bytes to
        // us.
        unsafe { sys::EVP_AEAD_CTX_cleanup(&raw mut self.0) };
        wipe_value(&mut self.0);
    }
}

/// An AES encryption key schedule, run in counter mode.
pub(crate) struct AesKey(sys::AES_KEY);

impl AesKey {
    /// A schedule for a key of 16 or 32 bytes.
    pub(crate) fn new(key: &[u8]) -> Self {
        let bits = match key.len() {
            16 => 128,
            32 => 256,
            other => unreachable!("no profile has an AES key of {other} bytes"),
        };
        let mut schedule = sys::AES_KEY::default();
        // SAFETY: `key` is readable for `bits / 8` bytes; `schedule` is ours to write.
        let failed = unsafe { sys::AES_set_encrypt_key(key.as_ptr(), bits, &raw mut schedule) };
        assert_eq!(failed, 0, "AES takes every key of 128 or 256 bits");
        Self(schedule)
    }

    /// Adds the key stream that begins with the encryption of `counter` to `plaintext`, into `text`. Its own
    /// inverse.
    pub(crate) fn add_key_stream(
        &self,
        mut counter: [u8; BLOCK_LEN],
        plaintext: Plaintext<'_>,
        text: &mut [u8],
    ) {
        let out = text.as_mut_ptr();
        let source = plaintext.source(out, text.len());
        let mut rest_of_block = [0; BLOCK_LEN];
        let mut used = 0;
        // SAFETY: `source` is readable and `out` writable for `text.len()`, disjoint or the same address;
        // the schedule is initialised and only read; counter, block and position are locals of the sizes
        // asked for, with `used` < 16.
        unsafe {
            sys::AES_ctr128_encrypt(
                source,
                out,
                text.len(),
                &raw const self.0,
                counter.as_mut_ptr(),
                rest_of_block.as_mut_ptr(),
                &raw mut used,
            );
        }
    }
}

impl Drop for AesKey {
    fn drop(&mut self) {
        wipe_value(&mut self.0);
    }
}

/// A running SHA-1. A clone goes on from where the original stands.
#[derive(Clone)]
pub(crate) struct Sha1(sys::SHA_CTX);

impl Sha1 {
    pub(crate) fn new() -> Self {
        let mut state = sys::SHA_CTX::default();
        // SAFETY: writes the initial state into a context that we own.
        unsafe { sys::SHA1_Init(&raw mut state) };
        Self(state)
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        // SAFETY: an initialised state that we own, and a readable slice. Always succeeds.
        unsafe { sys::SHA1_Update(&raw mut self.0, bytes.as_ptr().cast(), bytes.len()) };
    }

    pub(crate) fn finish(mut self) -> [u8; SHA1_LEN] {
        let mut digest = [0; SHA1_LEN];
        // SAFETY: an initialised state that we own, and room for the 20 bytes of a digest. Always succeeds.
        unsafe { sys::SHA1_Final(digest.as_mut_ptr(), &raw mut self.0) };
        digest
    }
}

impl Drop for Sha1 {
    fn drop(&mut self) {
        wipe_value(&mut self.0);
    }
}

/// Overwrites secret bytes in a way that the compiler keeps.
pub(crate) fn wipe(secret: &mut [u8]) {
    wipe_value(secret);
}

/// Zeroes a value in a way that the compiler keeps. Private: only for types that are valid when all zero.
fn wipe_value<T: ?Sized>(value: &mut T) {
    let len = size_of_val(value);
    // SAFETY: `value` is exclusively ours for its `len` bytes. The callers in this file pass byte slices and
    // the C structs above, whose fields are integers, byte arrays and a pointer that may be null: all zero is
    // a valid value of each.
    unsafe { sys::OPENSSL_cleanse(ptr::from_mut(value).cast(), len) };
}
