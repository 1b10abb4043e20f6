//! An SSH signature over `SHA256SUMS`, as `ssh-keygen -Y sign` makes it.

use std::path::Path;

use ssh_key::{HashAlg, LineEnding, PrivateKey};
use zeroize::Zeroizing;

use super::{NAMESPACE, SIGNATURE, SUMS, chain, sums, verify};
use crate::error::{Error, plain};
use crate::output::file::Pending;

/// Largest key file that is read, in bytes.
const MAX_KEY: u64 = 64 << 10;

/// Signs a sound bundle with the key of a file, and tells the key's fingerprint.
///
/// # Errors
/// A bundle that is signed already or not sound; a key that is none, is protected by a passphrase, or of a kind that only
/// `ssh-keygen` can use.
pub fn sign(dir: &Path, key: &Path, now: jiff::Timestamp) -> Result<String, Error> {
    let target = dir.join(SIGNATURE);
    if target.symlink_metadata().is_ok() {
        return Err(Error::Usage(format!("it is signed already: remove {SIGNATURE} first")));
    }
    let verdict = verify::verify(dir, &verify::Against { now, ..verify::Against::default() });
    if let Some(fault) = verdict.faults().next() {
        return Err(Error::Usage(format!("not signed, the bundle is not sound: {}", fault.text)));
    }
    let summed = chain::small(&dir.join(SUMS), sums::MAX)
        .map_err(|error| Error::Usage(format!("{SUMS}: {}", plain(&error))))?;
    let key = read(key)?;
    let signature = key
        .sign(NAMESPACE, HashAlg::Sha512, &summed)
        .and_then(|signature| signature.to_pem(LineEnding::LF))
        .map_err(|_| Error::Usage(by_ssh_keygen("this kind of key cannot be used here")))?;
    Pending::open(&target)?.finish(|out| out.write_all(signature.as_bytes()))?;
    Ok(key.fingerprint(HashAlg::Sha256).to_string())
}

fn read(path: &Path) -> Result<PrivateKey, Error> {
    let refused = |why: &str| {
        Error::Usage(format!("--key {}: {why}", crate::output::safe(&path.to_string_lossy())))
    };
    let bytes = chain::small(path, MAX_KEY).map_err(|error| refused(&plain(&error)))?;
    let bytes = Zeroizing::new(bytes);
    let key =
        PrivateKey::from_openssh(&*bytes).map_err(|_| refused("is no OpenSSH private key"))?;
    if key.is_encrypted() {
        return Err(refused(&by_ssh_keygen(
            "is protected by a passphrase, which nobody is asked for",
        )));
    }
    Ok(key)
}

fn by_ssh_keygen(why: &str) -> String {
    format!("{why}; `ssh-keygen -Y sign -n {NAMESPACE} -f KEY {SUMS}` in the bundle's folder can")
}
