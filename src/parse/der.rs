//! As much of DER, and of the BER that some write instead, as it takes to tell what key it is.

/// The elements that are still to be read, one level of them. Never panics, never allocates.
pub(super) struct Der<'a>(&'a [u8]);

/// Tags.
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// The first field that a structure marks as optional.
pub(super) const CONTEXT_0: u8 = 0xa0;

impl<'a> Der<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether all of them have been taken.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What has not been taken yet.
    #[cfg(test)]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
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

/// Deepest nesting of what [`definite`] takes.
const MAX_NESTING: usize = 32;

/// Marks an element that is made of elements.
const CONSTRUCTED: u8 = 0x20;

/// The first element of BER with every length told and octet strings in one part, so that [`Der`] reads it. At most as long as it
/// was, but for a few bytes a level.
pub(super) fn definite(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut told = Vec::with_capacity(bytes.len());
    rewrite(bytes, 0, &mut told)?;
    Some(told)
}

/// Appends the first element, and gives what follows it.
fn rewrite<'a>(bytes: &'a [u8], depth: usize, told: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (&tag, rest) = bytes.split_first()?;
    if depth == MAX_NESTING || tag & 0x1f == 0x1f {
        return None;
    }
    let (inner, after) = if let [0x80, inner @ ..] = rest {
        (inner, None)
    } else {
        let (length, rest) = length(rest)?;
        let (content, after) = rest.split_at_checked(length)?;
        (content, Some(after))
    };
    if tag & CONSTRUCTED == 0 {
        // What is one value tells its length.
        element(tag, inner, told);
        return after;
    }
    let in_parts = tag == OCTET_STRING | CONSTRUCTED;
    let mut content = Vec::new();
    let end = elements(inner, after.is_none(), depth, &mut |part| {
        let part = if in_parts { Der::new(part).take(OCTET_STRING)? } else { part };
        content.extend_from_slice(part);
        Some(())
    })?;
    element(if in_parts { OCTET_STRING } else { tag }, &content, told);
    Some(after.unwrap_or(end))
}

/// Hands on the elements, each rewritten, up to the end: of the bytes, or as two zeros mark it. Gives what follows the mark.
fn elements<'a>(
    mut inner: &'a [u8],
    is_open: bool,
    depth: usize,
    take: &mut dyn FnMut(&[u8]) -> Option<()>,
) -> Option<&'a [u8]> {
    loop {
        match inner {
            [0, 0, after @ ..] if is_open => return Some(after),
            [] if !is_open => return Some(inner),
            _ => {
                let mut part = Vec::new();
                inner = rewrite(inner, depth + 1, &mut part)?;
                take(&part)?;
            }
        }
    }
}

fn element(tag: u8, content: &[u8], told: &mut Vec<u8>) {
    told.push(tag);
    let length = content.len().to_be_bytes();
    let from = length.iter().position(|digit| *digit != 0).unwrap_or(length.len() - 1);
    let digits = &length[from..];
    if content.len() >= 0x80 {
        told.push(0x80 | digits.len().to_le_bytes()[0]);
    }
    told.extend_from_slice(digits);
    told.extend_from_slice(content);
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
