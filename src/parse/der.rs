//! As much of DER as it takes to tell what key it is.

/// The elements that are still to be read, one level of them. Never panics, never allocates.
pub(super) struct Der<'a>(&'a [u8]);

/// Tags.
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
/// The first field that a structure marks as optional.
pub(super) const CONTEXT_0: u8 = 0xa0;

impl<'a> Der<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Content of the next element, if it has this tag; else nothing is taken.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        if found != tag {
            return None;
        }
        let (length, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    /// Elements of the next element, if it is a sequence.
    pub(super) fn sequence(&mut self) -> Option<Self> {
        self.take(SEQUENCE).map(Self)
    }

    /// Bits of the next element, if it is an unsigned integer.
    pub(super) fn integer_bits(&mut self) -> Option<u64> {
        self.take(INTEGER).map(bits)
    }
}

/// Bits of a big-endian number.
pub(super) fn bits(number: &[u8]) -> u64 {
    let significant =
        number.iter().position(|byte| *byte != 0).map_or(&[][..], |start| &number[start..]);
    let Some(first) = significant.first() else { return 0 };
    significant.len() as u64 * 8 - u64::from(first.leading_zeros())
}

/// Length of an element, and what follows the length.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        return Some((first.into(), rest));
    }
    let digits = usize::from(first & 0x7f);
    if !(1..=4).contains(&digits) {
        return None;
    }
    let (digits, rest) = rest.split_at_checked(digits)?;
    let length = digits.iter().fold(0, |length, digit| length << 8 | u32::from(*digit));
    Some((length.try_into().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements() {
        let mut der = Der::new(&[
            0x30, 0x81, 0x04, 0x02, 0x02, 0x00, 0xff, 0x06, 0x84, 0xff, 0xff, 0xff, 0xff,
        ]);
        assert!(der.take(INTEGER).is_none());
        assert_eq!(der.sequence().unwrap().integer_bits(), Some(8));
        assert!(der.take(OID).is_none());
        assert!(Der::new(&[0x30, 0x80]).sequence().is_none());
        assert!(Der::new(&[]).sequence().is_none());
    }

    #[test]
    fn bits_of_numbers() {
        for (number, expected) in
            [(&[][..], 0), (&[0], 0), (&[1], 1), (&[0, 0xff], 8), (&[0x80, 0], 16), (&[1, 0], 9)]
        {
            assert_eq!(bits(number), expected);
        }
    }
}
