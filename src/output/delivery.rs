//! Where reports go: stdout, and files that appear whole or not at all.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::{FORMATS, Format, Style, format, format_of};
use crate::error::Error;
use crate::report::Report;

/// What the user asked to be handed out.
pub struct Delivery {
    stdout: Option<&'static Format>,
    files: Vec<(&'static Format, PathBuf)>,
}

impl Delivery {
    /// Decides from `--format` and `--output`.
    ///
    /// # Errors
    /// An output whose form is neither named nor told by its ending.
    pub fn new(asked: Option<&str>, outputs: &[String]) -> Result<Self, Error> {
        let mut delivery = Self { stdout: asked.and_then(format), files: Vec::new() };
        for output in outputs {
            let (form, path) = target(output)?;
            if path == "-" {
                delivery.stdout = Some(form);
            } else {
                delivery.files.push((form, path.into()));
            }
        }
        if delivery.stdout.is_none() && delivery.files.is_empty() {
            delivery.stdout = FORMATS.first();
        }
        Ok(delivery)
    }

    /// Writes the report everywhere.
    ///
    /// # Errors
    /// A file that could not be written; a closed pipe is none.
    pub fn write(&self, report: &Report, style: &Style) -> Result<(), Error> {
        for (form, path) in &self.files {
            // A file is read elsewhere and later: no width, no colour, nothing left out.
            let fail_on = style.fail_on;
            let style = Style { unicode: true, all: true, fail_on, ..Style::default() };
            to_file(path, |out| (form.write)(report, &style, out))?;
        }
        match self.stdout {
            Some(form) => to_stdout(|out| (form.write)(report, style, out)),
            None => Ok(()),
        }
    }
}

fn target(output: &str) -> Result<(&'static Format, &str), Error> {
    let named = output.split_once('=').and_then(|(name, path)| Some((format(name)?, path)));
    let by_ending = || {
        let name = Path::new(output).file_name()?.to_str()?;
        Some((format_of(name)?, output))
    };
    named.or_else(by_ending).ok_or_else(|| {
        let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
        Error::Usage(format!(
            "--output `{}`: its ending names no format; write FORMAT=PATH with one of {}",
            super::safe(output),
            names.join(", ")
        ))
    })
}

/// Hands a writer on stdout to `write`.
///
/// # Errors
/// Any but that the reader has gone.
pub fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::Output { path: "stdout".into(), source: error })
        }
        _ => Ok(()),
    }
}

/// Writes beside the target, for its owner only, and moves into place.
fn to_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    let failed = |source| Error::Output { path: super::safe(&path.to_string_lossy()), source };
    if path.exists() && !path.is_file() {
        // A pipe or device is written to, never replaced.
        let mut out =
            BufWriter::new(std::fs::File::options().write(true).open(path).map_err(failed)?);
        return write(&mut out).and_then(|()| out.flush()).map_err(failed);
    }
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let mut out = BufWriter::new(file);
    write(&mut out).map_err(failed)?;
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
