//! A cursor over binary layouts: what is asked for is there, or the answer is none.

/// The bytes that are still to be read. Never panics; a refused read takes nothing.
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The next `length` bytes.
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// Steps over `literal`, if it is next.
    pub(super) fn literal(&mut self, literal: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(literal)?;
        Some(())
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    /// Big-endian.
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Big-endian.
    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Big-endian.
    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Little-endian.
    pub(super) fn u32_le(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Bytes after their length (big-endian, 32 bits): a string of SSH, gnome-keyring and Kerberos caches.
    pub(super) fn block(&mut self) -> Option<&'a [u8]> {
        let (length, _) = self.0.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let block = self.0.get(4..)?.get(..length)?;
        self.0 = &self.0[4 + length..];
        Some(block)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_read_takes_nothing() {
        let mut cursor = Cursor::new(&[0, 0, 0, 2, b'o', b'k', 0, 0, 0, 9, 1]);
        assert_eq!(cursor.block(), Some(&b"ok"[..]));
        assert_eq!(cursor.block(), None);
        assert_eq!(cursor.u64(), None);
        assert_eq!(cursor.u32_le(), Some(0x0900_0000));
        assert_eq!(cursor.take(2), None);
        assert_eq!(cursor.literal(&[2]), None);
        assert_eq!(cursor.u8(), Some(1));
        assert!(cursor.is_empty());
    }
}
