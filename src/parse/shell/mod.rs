//! Command lines to simple commands, by the quoting rules of the shell that reads them.
//!
//! Splitting never fails: what is not closed takes the rest of the text. Time is linear in the text, nesting is bounded by
//! [`MAX_NESTING`]; beyond it, brackets are only separators. Words hold secrets: they are wiped when dropped.

mod lexer;
mod logical;
mod meaning;

use std::ops::Range;

use zeroize::Zeroizing;

use super::Language;

pub(crate) use logical::LogicalLine;
pub(crate) use meaning::program;

/// How deep substitutions, groups and quoted command lines (`bash -c '…'`) are looked into.
pub(crate) const MAX_NESTING: usize = 64;

/// The simple commands of `text`, those in substitutions, groups and quoted command lines included.
pub(crate) fn commands(text: &str, language: Language) -> Vec<SimpleCommand> {
    let mut commands = Vec::new();
    lexer::split(text, language, 0, 0, &mut commands);
    commands
}

/// One command with what is set for it and fed to it.
#[derive(Default)]
pub(crate) struct SimpleCommand {
    /// Variables it sets: `A=b cmd`, `export A=b`, `set -gx A b`, `$env:A = "b"`, and their like.
    pub(crate) assignments: Vec<Assignment>,
    /// The words, without redirections and reserved words.
    pub(crate) words: Vec<Word>,
    /// The commands within the words, by position: `sudo -u root mysql -p` holds `sudo …` and `mysql …`.
    pub(crate) heads: Vec<Range<usize>>,
    /// What is fed to it, as far as the text tells: a here-string, or the output of `echo` on the left of a pipe.
    pub(crate) stdin: Option<Word>,
    /// Here-documents.
    pub(crate) bodies: Vec<Body>,
    /// Lines between the start of the text and the command.
    pub(crate) line_offset: u64,
}

/// A variable that a command sets.
pub(crate) struct Assignment {
    /// The name, without sigils and scopes.
    pub(crate) name: String,
    /// Its value.
    pub(crate) value: Word,
}

/// The text of a here-document.
pub(crate) struct Body {
    /// The lines, without the delimiter.
    pub(crate) text: Zeroizing<String>,
    /// Lines between the start of the whole text and the body.
    pub(crate) line_offset: u64,
}

/// One word as the program would see it, but for what only the shell could have known.
#[derive(Default)]
pub(crate) struct Word {
    text: Zeroizing<String>,
    /// Where a variable or a substitution stands for something unknown.
    expansions: Vec<Range<usize>>,
    /// Bytes at the start that were written without any quoting.
    plain: usize,
    /// Written as one quoted string.
    quoted: bool,
    line_offset: u64,
}

impl Word {
    /// A word of known text.
    pub(crate) fn literal(text: &str) -> Self {
        Self { text: Zeroizing::new(text.to_owned()), plain: text.len(), ..Self::default() }
    }

    /// The text: quotes undone, references to variables as written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether any part is a variable or a substitution.
    pub(crate) fn is_dynamic(&self) -> bool {
        !self.expansions.is_empty()
    }

    /// Whether this part of the text touches a variable or a substitution.
    pub(crate) fn is_dynamic_in(&self, part: &Range<usize>) -> bool {
        let first = self.expansions.partition_point(|known| known.end <= part.start);
        self.expansions.get(first).is_some_and(|known| known.start < part.end)
    }

    /// Whether it is one quoted string.
    pub(crate) fn is_quoted(&self) -> bool {
        self.quoted
    }

    /// Lines between the start of the text and the word.
    pub(crate) fn line_offset(&self) -> u64 {
        self.line_offset
    }

    /// What follows the first `from` bytes; empty where that is no character boundary.
    fn tail(&self, from: usize) -> Self {
        Self {
            text: Zeroizing::new(self.text.get(from..).unwrap_or_default().to_owned()),
            expansions: shifted(&self.expansions, from),
            plain: self.plain.saturating_sub(from),
            quoted: self.quoted,
            line_offset: self.line_offset,
        }
    }

    /// Adds the text of another word.
    fn append(&mut self, other: &Self) {
        let start = self.text.len();
        self.text.push_str(&other.text);
        self.expansions.extend(other.expansions.iter().map(|r| r.start + start..r.end + start));
    }

    /// The length of `NAME=` or `NAME+=` at its start, where that was written without quotes.
    fn assignment_prefix(&self) -> Option<(&str, usize)> {
        let plain = self.text.get(..self.plain)?;
        let end = plain.find('=')?;
        let name = plain[..end].strip_suffix('+').unwrap_or(&plain[..end]);
        is_name(name).then_some((name, end + 1))
    }
}

/// Whether a shell would take this for a variable's name.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// How many lines end in these bytes.
pub(crate) fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

fn shifted(ranges: &[Range<usize>], by: usize) -> Vec<Range<usize>> {
    ranges
        .iter()
        .filter(|range| range.end > by)
        .map(|range| range.start.saturating_sub(by)..range.end - by)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `A=v | word,word <stdin {body}`, a `?` before what is dynamic; commands joined by ` ; `.
    fn shown(text: &str, language: Language) -> String {
        let mark =
            |word: &Word| format!("{}{}", if word.is_dynamic() { "?" } else { "" }, word.text());
        let show = |command: SimpleCommand| {
            let mut parts = Vec::new();
            for Assignment { name, value } in &command.assignments {
                parts.push(format!("{name}={}", mark(value)));
            }
            if !command.words.is_empty() {
                parts.push(command.words.iter().map(mark).collect::<Vec<_>>().join(","));
            }
            parts.extend(command.stdin.iter().map(|word| format!("<{}", mark(word))));
            parts.extend(command.bodies.iter().map(|body| format!("{{{}}}", *body.text)));
            parts.join(" ")
        };
        commands(text, language).into_iter().map(show).collect::<Vec<_>>().join(" ; ")
    }

    #[test]
    fn posix() {
        for (text, expected) in [
            ("a b", "a,b"),
            ("a 'b c' \"d e\" f\\ g", "a,b c,d e,f g"),
            (r#"a "x\"y\\z\n" 'it'\''s'"#, r#"a,x"y\z\n,it's"#),
            (r"a $'x\ty\x41\'z'", "a,x\tyA'z"),
            ("a \\\n b", "a,b"),
            ("a; b && c || d & e |& f", "a ; b ; c ; d ; e ; f"),
            ("A=b C='d e' cmd x=y", "A=b C=d e cmd,x=y"),
            ("A=$B C=\"x$(y z)\" cmd", "y,z ; A=?$B C=?x$() cmd"),
            ("a ${B:-{c}} `d e`", "d,e ; a,?${B:-{c}},?$()"),
            ("a $((1 + (2 << 3))) b", "a,?$(),b"),
            ("a 2>/dev/null >b <c d &>e 2>&1", "a,d"),
            ("a <<< 'b c'", "a <b c"),
            ("a <(b c) d", "b,c ; a,?$(),d"),
            ("a <<E; b\nx y\nE\nc", "a {x y\n} ; b ; c"),
            ("a <<-'E'\n\tx\n\tE\nc", "a {\tx\n} ; c"),
            ("a <<E\nx", "a {x}"),
            ("(a; b) && { c; }", "a ; b ; c"),
            ("if a; then b; else c; fi", "a ; b ; c"),
            ("a # b 'c", "a"),
            ("a#b", "a#b"),
            ("f() { a; }", "f ; a"),
            ("a 'b", "a,b"),
            ("a \"b $(c", "c ; a,?b $()"),
            ("echo a 'b c' | d e", "echo,a,b c ; a,b,c ; d,e <a b c"),
            (r"printf '%s\n' $x | d", "printf,%s\\n,?$x ; ?$x ; d <?$x\n"),
            ("export A=b C", "A=b export,A=b,C"),
            ("env -u X A=b cmd", "A=b env,-u,X,A=b,cmd"),
            ("$A = 'b'", "A=b"),
            ("$env.A = \"b\"", "A=b"),
            ("token = 'b'", "token=b"),
            ("token = os.environ['X']", "token,=,os.environ[X]"),
            ("f(a='x', b='y')", "f ; a=x b=y"),
            ("A=(b c)", "b,c ; A=?$()"),
            ("bash -lc 'a \"b c\"'", "bash,-lc,a \"b c\" ; a,b c"),
            ("alias x='a b'", "alias,x=a b ; a,b"),
            ("setenv A b", "A=b setenv,A,b"),
            ("set A=b", "A=b set,A=b"),
            ("case $x in a) b ;; esac", "case,?$x,in,a ; b"),
        ] {
            assert_eq!(shown(text, Language::Posix), expected, "{text}");
        }
    }

    #[test]
    fn fish() {
        for (text, expected) in [
            ("set -gx A b", "A=b set,-gx,A,b"),
            ("set -e A", "set,-e,A"),
            ("set -x A (b c)", "b,c ; A=?$() set,-x,A,?$()"),
            (r"a 'b\'c\\d' e\nf", "a,b'c\\d,e\nf"),
            ("for i in 1 2\n  a \"$i\"\nend", "for,i,in,1,2 ; a,?$i"),
            ("a; and b", "a ; b"),
        ] {
            assert_eq!(shown(text, Language::Fish), expected, "{text}");
        }
    }

    #[test]
    fn powershell() {
        for (text, expected) in [
            ("$env:A = \"b\"", "A=b"),
            ("$env:A=\"b\"", "A=b"),
            ("$env:A = (b c)", "b,c ; A=?$()"),
            ("$env:A = $null", "A=?$null"),
            ("$c = b 'x' -y", "b,x,-y"),
            ("a 'it''s' \"b`\"c\"\"d\" `\n e", "a,it's,b\"c\"d,e"),
            ("a -H @{B='c d'; 'X-Y' = \"e\"}", "B=c d ; X-Y=e ; a,-H,?$()"),
            (
                "[E]::SetEnvironmentVariable('A','b','User')",
                "A=b SetEnvironmentVariable,A,b,User ; ?[E]::SetEnvironmentVariable$()",
            ),
            ("a @'\nx 'y'\n'@ b", "a,x 'y',b"),
            ("'x' | a -b", "x ; a,-b <x"),
            ("a <# b #> c", "a,c"),
        ] {
            assert_eq!(shown(text, Language::PowerShell), expected, "{text}");
        }
    }

    #[test]
    fn heads() {
        for (text, expected) in [
            ("sudo -u root A=b mysql -p", "sudo mysql"),
            ("docker exec -it -e X=y db mysql -px", "docker mysql"),
            ("sshpass -p x ssh -p 22 root@h 'a b'", "sshpass ssh a b | a"),
            ("timeout -k 5 10 nice -n 5 a", "timeout nice a"),
            ("kubectl exec p -- env a", "kubectl env a"),
            ("python3 -m pip install x", "python3 pip"),
            ("git checkout -- -x", "git"),
        ] {
            let commands = commands(text, Language::Posix);
            let show = |command: &SimpleCommand| {
                let words = command.heads.iter().map(|head| command.words[head.start].text());
                words.collect::<Vec<_>>().join(" ")
            };
            assert_eq!(
                commands.iter().map(show).collect::<Vec<_>>().join(" | "),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn nesting_and_length_are_bounded() {
        for text in [
            "$(",
            "\"$(",
            "((",
            "`",
            "<(",
            "{",
            "@{",
            "bash -c '",
            "eval \"",
            "(",
            "x=(",
            "<<E\n",
            "printf '\\",
            "$'",
        ] {
            for language in [Language::Posix, Language::Fish, Language::PowerShell] {
                commands(&text.repeat(20_000), language);
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_split(text in "(\\PC|[ \n\t'\"`$(){}<>|&;#@=,\\\\a-eE%-]|echo |printf |bash -c |<<E|\\$\\(){0,60}") {
            for language in [Language::Posix, Language::Fish, Language::PowerShell] {
                commands(&text, language);
                LogicalLine::new(language, true).ends_with(&text);
            }
        }
    }
}
