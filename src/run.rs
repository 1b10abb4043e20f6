//! What each command does, and with which status the program ends.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use clap::CommandFactory as _;

use crate::cli::{
    Cli, Command, EvidenceCommand, FailOn, ListFormat, OffboardArgs, ReportArgs, RulesCommand,
    ScanArgs,
};
use crate::command::diff::DiffArgs;
use crate::command::{self, Told};
use crate::error::{Error, plain};
use crate::host::Host;
use crate::output::delivery::Delivery;
use crate::output::{self, Style};
use crate::plan::Plan;
use crate::policy::{self, EXPIRED};
use crate::report::{Finding, Report, Sandbox, Severity, SkipReason};
use crate::rule::list::Listing;
use crate::rule::load::RuleSet;
use crate::rule::pack::Pack;
use crate::rule::{check, docs, pages};
use crate::sandbox::Needs;
use crate::{
    Control, demo, diff, evidence, guest, offboard, plan, privacy, progress, sandbox, trial,
};

/// Largest report that is read back, in bytes: half a million findings.
const LARGEST_REPORT: u64 = 1 << 30;

/// How a run ended, in the order in which one status hides another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Internal,
    Usage,
    Interrupted,
    Incomplete,
    Found,
    Fine,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Fine => 0,
            Status::Found => 1,
            Status::Usage => 2,
            Status::Incomplete => 3,
            Status::Internal => 4,
            Status::Interrupted => 130,
        })
    }
}

/// Runs the command line.
pub fn run(cli: Cli) -> ExitCode {
    silence_panics();
    let outcome = match cli.command {
        None => scan(&cli.scan),
        Some(Command::Rules(command)) => rules(&command),
        Some(Command::Explain { id, report, scan }) => explain(&id, report.as_deref(), &scan),
        Some(Command::Diff(args)) => compare(&args),
        Some(Command::History(args)) => {
            command::history::run(&args, read_report).and_then(|told| tell(&told))
        }
        Some(Command::Controls(args)) => {
            command::controls::run(&args, read_report).and_then(|told| tell(&told))
        }
        Some(Command::Policy(command)) => {
            command::policy::run(&command).and_then(|told| tell(&told))
        }
        Some(Command::Exceptions(command)) => host()
            .and_then(|host| command::exceptions::run(&command, host.now, read_report))
            .and_then(|told| tell(&told)),
        Some(Command::Report(args)) => rewrite(&args),
        Some(Command::Privacy) => print(&privacy::table()),
        Some(Command::Evidence(command)) => evidence(command),
        Some(Command::Offboard(args)) => offboard(args),
        Some(Command::Schema { name }) => print(&pretty(output::schema::schema(&name))),
        Some(Command::Completions { shell }) => completions(shell),
        Some(Command::Man) => manual(),
        Some(Command::Demo { dir }) => demo::write(&dir).and_then(|text| print(&text)),
    };
    match outcome {
        Ok(status) => status.into(),
        Err(error) => {
            let _ = writeln!(io::stderr(), "nhi-scan: {error}");
            let status = match error {
                Error::Usage(_) | Error::Rules(_) => Status::Usage,
                Error::Output { .. } | Error::Internal(_) => Status::Internal,
            };
            status.into()
        }
    }
}

/// Hands out what a command has to say.
fn tell(told: &Told) -> Result<Status, Error> {
    print(&told.text)?;
    Ok(if told.found { Status::Found } else { Status::Fine })
}

/// Tells what changed between two reports, and judges that.
fn compare(args: &DiffArgs) -> Result<Status, Error> {
    let style = style(&ScanArgs { all: args.all, ..ScanArgs::default() }, &host()?);
    let told = command::diff::run(args, read_report, &style)?;
    match &args.output {
        Some(path) if path.as_os_str() != "-" => output::delivery::replace(path, &told.text)?,
        _ => return tell(&told),
    }
    tell(&Told { text: String::new(), ..told })
}

/// A panic's message may quote what was being read. It is caught and told as `internal`; its text is dropped.
pub fn silence_panics() {
    std::panic::set_hook(Box::new(|_| {}));
}

fn scan(args: &ScanArgs) -> Result<Status, Error> {
    let host = host()?;
    let delivery = Delivery::new(args.format.as_deref(), &args.output)?;
    let style = style(args, &host);
    let baseline = args.baseline.as_deref().map(read_report).transpose()?;
    if args.fail_on == Some(FailOn::New) && baseline.is_none() {
        return Err(Error::Usage(
            "--fail-on new needs --baseline REPORT to tell what is new".into(),
        ));
    }
    let mut plan = Plan::new(args, host)?;
    let delivery = delivery.open()?;
    confine(args, &mut plan, delivery.folders().collect())?;
    let (mut report, interrupted) = observe(args, &plan);
    if let Some(baseline) = &baseline {
        diff::since(baseline, &mut report, &plan.pack.controls);
    }
    let verdict = verdict(args, &report, baseline.as_ref(), interrupted);
    if !args.quiet && !delivery.shows_a_table() {
        warn_of_exceptions(&report);
    }
    delivery.write(&reduced(report, args, &plan)?, &style)?;
    plan.leave();
    Ok(verdict)
}

/// The report as it may leave.
fn reduced(report: Report, args: &ScanArgs, plan: &Plan) -> Result<Report, Error> {
    let key = privacy::Key::of(&plan.host);
    privacy::apply(report, privacy::Level::of(args), &key, &plan.pack.paths)
}

/// Asks the kernel to hold the process to what this plan needs. Every thread is started after it, and sealed from its start but for
/// those that list folders first.
fn confine(args: &ScanArgs, plan: &mut Plan, outputs: Vec<&Path>) -> Result<(), Error> {
    if args.nice || is_scheduled(&plan.host) {
        guest::give_way();
    }
    let mut read: Vec<&Path> = plan.roots.iter().map(|root| &*root.path).collect();
    // The file of an image is open already; the blobs of a layout are not.
    let layouts = plan.asked.iter().filter(|path| plan.image.is_some() && path.is_dir());
    read.extend(layouts.map(|path| &**path));
    plan.sandbox = sandbox::enter(&Needs { read, outputs });
    if plan.lists_first() {
        plan.pool();
    }
    if plan.sandbox.has_landlock() && !sandbox::seal() {
        plan.sandbox.landlock = "none".into();
    }
    let missing = plan.sandbox.missing();
    if args.require_sandbox && !missing.is_empty() {
        return Err(Error::Usage(format!(
            "--require-sandbox: {} not in force here; nothing was scanned",
            missing.join(" and ")
        )));
    }
    if args.verbose > 0 {
        announce(plan);
    }
    Ok(())
}

/// Scans, with progress where someone watches, until done or interrupted.
fn observe(args: &ScanArgs, plan: &Plan) -> (Report, bool) {
    let hide = args.no_progress
        || args.quiet
        || !io::stderr().is_terminal()
        || plan.host.env.contains_key("CI");
    let control = Arc::new(Control::default());
    let watched = Arc::clone(&control);
    // The second interrupt ends the program at once.
    let handled = ctrlc::set_handler(move || {
        if watched.interrupted.swap(true, Ordering::Relaxed) {
            #[expect(clippy::exit, reason = "the user asked twice")]
            std::process::exit(130);
        }
    });
    if handled.is_err() && args.verbose > 0 {
        let _ = writeln!(io::stderr(), "nhi-scan: an interrupt will end the scan without a report");
    }
    let report = if hide {
        crate::scan(plan, &control)
    } else {
        progress::shown(&control, || crate::scan(plan, &control))
    };
    if args.verbose > 1 {
        for skip in &report.coverage.skipped {
            let reason = serde_json::to_value(skip.reason).unwrap_or_default();
            let reason = reason.as_str().unwrap_or_default();
            let _ = writeln!(io::stderr(), "nhi-scan: {reason}: {}", output::safe(&skip.path));
        }
    }
    (report, control.interrupted.load(Ordering::Relaxed))
}

/// Exceptions that someone must look after; the table says so itself.
fn warn_of_exceptions(report: &Report) {
    for text in report.exceptions.iter().filter_map(policy::warning) {
        let _ = writeln!(io::stderr(), "nhi-scan: {}", output::safe(&text));
    }
}

/// Whether a service manager started the program, and nobody watches. Terminals of a desktop are services too.
fn is_scheduled(host: &Host) -> bool {
    let watched =
        [io::stdin().is_terminal(), io::stdout().is_terminal(), io::stderr().is_terminal()];
    host.env.contains_key("INVOCATION_ID") && !watched.contains(&true)
}

fn announce(plan: &Plan) {
    let mut stderr = io::stderr();
    for root in &plan.roots {
        let limited = if root.only.is_some() { " (known places only)" } else { "" };
        let _ = writeln!(
            stderr,
            "nhi-scan: root {}{limited}",
            output::safe(&root.path.to_string_lossy())
        );
    }
    let _ = writeln!(
        stderr,
        "nhi-scan: {} rules, {} threads, caches up to {} MiB",
        plan.pack.count(),
        plan.threads,
        plan.max_file_size / (1024 * 1024)
    );
    let Sandbox { landlock, seccomp } = &plan.sandbox;
    let _ = writeln!(stderr, "nhi-scan: kernel: landlock {landlock}, seccomp {seccomp}");
}

fn verdict(
    args: &ScanArgs,
    report: &Report,
    baseline: Option<&Report>,
    interrupted: bool,
) -> Status {
    let found = args.fail_on.is_some_and(|fail_on| fails(fail_on, report, baseline));
    match () {
        () if interrupted => Status::Interrupted,
        () if args.require_complete && !report.coverage.complete => Status::Incomplete,
        () if found => Status::Found,
        () => Status::Fine,
    }
}

/// Whether a report fails: by what its baseline did not have, where there is one, and by exceptions that have ended.
fn fails(fail_on: FailOn, report: &Report, baseline: Option<&Report>) -> bool {
    let has_ended = |finding: &Finding| finding.issues.iter().any(|issue| issue == EXPIRED);
    if report.findings.iter().filter(|finding| finding.counts()).any(has_ended) {
        return true;
    }
    match (fail_on.severity(), baseline) {
        (None, _) => report.baseline.iter().any(|diff| diff.first_seen().next().is_some()),
        (Some(limit), Some(baseline)) => diff::is_worse(baseline, report, limit),
        (Some(limit), None) => {
            let counting = report.findings.iter().filter(|finding| finding.counts());
            counting.map(|finding| finding.score.severity).any(|severity| severity >= limit)
        }
    }
}

fn explain(id: &str, report: Option<&Path>, args: &ScanArgs) -> Result<Status, Error> {
    let host = host()?;
    let style = style(args, &host);
    let report = if let Some(path) = report {
        read_report(path)?
    } else {
        let mut plan = Plan::new(args, host)?;
        confine(args, &mut plan, Vec::new())?;
        observe(args, &plan).0
    };
    let mut text = Vec::new();
    match output::explain::explain(&report, id, &style, &mut text) {
        Ok(()) => print(&String::from_utf8_lossy(&text)),
        Err(unknown) => Err(Error::Usage(unknown.to_string())),
    }
}

/// Writes a report in other formats, and judges it as a scan is judged.
fn rewrite(args: &ReportArgs) -> Result<Status, Error> {
    let host = host()?;
    let delivery = Delivery::new(args.format.as_deref(), &args.output)?;
    let report = read_report(&args.report)?;
    if args.fail_on == Some(FailOn::New) && report.baseline.is_none() {
        return Err(Error::Usage(
            "--fail-on new needs a report that was made with --baseline".into(),
        ));
    }
    let args = ScanArgs {
        privacy: args.privacy,
        all: args.all,
        min_severity: args.min_severity,
        fail_on: args.fail_on,
        require_complete: args.require_complete,
        ..ScanArgs::default()
    };
    let level = privacy::Level::of(&args);
    let patterns = match level {
        privacy::Level::Standard => Pack::new(plan::rules(&args)?)?.paths,
        privacy::Level::Full | privacy::Level::Strict => Vec::new(),
    };
    let told = privacy::apply(report.clone(), level, &privacy::Key::of(&host), &patterns)?;
    delivery.open()?.write(&told, &style(&args, &host))?;
    let interrupted =
        report.coverage.skipped.iter().any(|skip| skip.reason == SkipReason::Interrupted);
    Ok(verdict(&args, &report, None, interrupted))
}

fn evidence(command: EvidenceCommand) -> Result<Status, Error> {
    match command {
        EvidenceCommand::Create { dir, previous, render, operator, purpose, retain_days, scan } => {
            let previous = previous.as_deref().map(evidence::Link::read).transpose()?;
            let purpose = evidence::Purpose { operator, purpose, retain_days, previous };
            create_evidence(&dir, &render, purpose, &scan)
        }
        EvidenceCommand::Sign { dir, key } => {
            let print = evidence::sign::sign(&dir, &key, host()?.now)?;
            self::print(&format!("signed by {print}\n"))
        }
        EvidenceCommand::Verify { dir, allowed_signers, signer, previous, format } => {
            let allowed_signers = allowed_signers.as_deref().map(read_text).transpose()?;
            let now = host()?.now;
            let against = evidence::verify::Against { allowed_signers, signer, previous, now };
            let verdict = evidence::verify::verify(&dir, &against);
            print(&match format {
                ListFormat::Text => verdict.text(),
                ListFormat::Json => verdict.json(),
            })?;
            Ok(if verdict.sound { Status::Fine } else { Status::Found })
        }
    }
}

/// Scans into a bundle. What must be read of program and machine is read before the kernel closes the doors.
fn create_evidence(
    dir: &Path,
    render: &[String],
    purpose: evidence::Purpose,
    args: &ScanArgs,
) -> Result<Status, Error> {
    let host = host()?;
    let facts = evidence::Facts::gather(&host, dir);
    let mut plan = Plan::new(args, host)?;
    let renderings = render.iter().filter_map(|name| output::format(name)).collect();
    let draft = evidence::Draft::open(dir, renderings)?;
    confine(args, &mut plan, vec![draft.folder()])?;
    let (report, interrupted) = observe(args, &plan);
    let verdict = verdict(args, &report, None, interrupted);
    draft.write(reduced(report, args, &plan)?, &plan, args, &facts, purpose)?;
    Ok(verdict)
}

#[expect(clippy::disallowed_methods, reason = "the caller's own file, not a scanned one")]
fn read_text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::Usage(format!(
            "cannot read {}: {}",
            output::safe(&path.to_string_lossy()),
            plain(&error)
        ))
    })
}

/// Plans the end of grants, or tells what is still there: then the status is that of a finding.
fn offboard(args: OffboardArgs) -> Result<Status, Error> {
    let refused = |why: &dyn std::fmt::Display| Error::Usage(why.to_string());
    let selection =
        offboard::Selection { persons: args.person, hosts: args.host, grants: args.grant };
    let output = args.output.as_deref();
    if let [before, after] = &*args.verify {
        let aftermath = offboard::compare(&read_report(before)?, &read_report(after)?, selection)
            .map_err(|why| refused(&why))?;
        let text = match &*args.format {
            "json" => aftermath.json(),
            _ => aftermath.markdown(),
        };
        output::delivery::hand_over(&text, output)?;
        return Ok(if aftermath.is_clean() { Status::Fine } else { Status::Found });
    }
    let report = read_report(&args.report.unwrap_or_default())?;
    let rules = plan::rules(&ScanArgs { rules: args.rules, ..ScanArgs::default() })?;
    let plan = offboard::plan(&report, &rules, selection).map_err(|why| refused(&why))?;
    let form = offboard::FORMS.iter().find(|form| form.name == args.format);
    let text = form.map(|form| (form.write)(&plan)).unwrap_or_default();
    output::delivery::hand_over(&text, output)?;
    Ok(Status::Fine)
}

fn read_report(path: &Path) -> Result<Report, Error> {
    let shown = output::safe(&path.to_string_lossy());
    let bytes = if path.as_os_str() == "-" {
        bounded(io::stdin().lock())
    } else {
        std::fs::File::open(path).and_then(bounded)
    };
    let bytes =
        bytes.map_err(|error| Error::Usage(format!("cannot read {shown}: {}", plain(&error))))?;
    if bytes.len() as u64 > LARGEST_REPORT {
        return Err(Error::Usage(format!("cannot read {shown}: larger than 1 GiB")));
    }
    // The parser's message would quote the file.
    serde_json::from_slice(&bytes).map_err(|error| {
        Error::Usage(format!("{shown} is not a JSON report of nhi-scan (line {})", error.line()))
    })
}

fn bounded(from: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LARGEST_REPORT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn rules(command: &RulesCommand) -> Result<Status, Error> {
    let built_in = || RuleSet::built_in().map_err(|problems| plan::broken(&problems));
    match command {
        RulesCommand::List { format } => list(&built_in()?, *format),
        RulesCommand::Docs { dir: None } => print(&docs::table(&built_in()?)),
        RulesCommand::Docs { dir: Some(dir) } => {
            let pack = Pack::new(built_in()?)?;
            print(&pages::write(pack.set(), &pack.controls, dir)?)
        }
        RulesCommand::Schema => print(&pretty(output::schema::schema("rule"))),
        RulesCommand::Show { id } => {
            let set = built_in()?;
            let loaded = set.cache(id).ok_or_else(|| {
                Error::Usage(format!("no rule has the id `{id}`; `nhi-scan rules list` shows them"))
            })?;
            print(&docs::show(loaded))
        }
        RulesCommand::Check { path } => {
            let problems =
                check::pack(path.as_deref()).map_err(|problems| plan::broken(&problems))?;
            if problems.is_empty() {
                return print("every rule is well-formed\n");
            }
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            print(&format!("{}\n", lines.join("\n")))?;
            Err(Error::Rules(format!("{} problems", problems.len())))
        }
        RulesCommand::Test { file } => {
            let results = trial::run(file.as_deref(), &host()?)?;
            print(&results.to_string())?;
            if results.failed() {
                let why = if results.failures.is_empty() {
                    "the rule is not well-formed"
                } else {
                    "a rule does not do what its tests say"
                };
                return Err(Error::Rules(why.into()));
            }
            Ok(Status::Fine)
        }
    }
}

fn list(rules: &RuleSet, format: ListFormat) -> Result<Status, Error> {
    let listing = Listing::of(rules);
    match format {
        ListFormat::Text => print(&listing.text()),
        ListFormat::Json => print(&pretty(serde_json::to_value(&listing).ok())),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<Status, Error> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "nhi-scan", &mut text);
    print(&String::from_utf8_lossy(&text))
}

fn manual() -> Result<Status, Error> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut text)
        .map_err(|source| Error::Output { path: "stdout".into(), source })?;
    print(&String::from_utf8_lossy(&text))
}

fn pretty(schema: Option<serde_json::Value>) -> String {
    let schema = schema.unwrap_or_default();
    format!("{schema:#}\n")
}

/// Prints to stdout. A reader that has gone is no error.
fn print(text: &str) -> Result<Status, Error> {
    output::delivery::to_stdout(|out| out.write_all(text.as_bytes()))?;
    Ok(Status::Fine)
}

fn host() -> Result<Host, Error> {
    Host::read().map_err(Error::Usage)
}

fn style(args: &ScanArgs, host: &Host) -> Style {
    let env = |name: &str| host.env.get(name).filter(|value| !value.is_empty()).map(String::as_str);
    let terminal = io::stdout().is_terminal();
    let locale =
        env("LC_ALL").or_else(|| env("LC_CTYPE")).or_else(|| env("LANG")).unwrap_or("UTF-8");
    Style {
        width: terminal
            .then(terminal_size::terminal_size)
            .flatten()
            .map(|(width, _)| width.0)
            .or_else(|| env("COLUMNS")?.parse().ok()),
        color: env("NO_COLOR").is_none()
            && ((terminal && env("TERM") != Some("dumb"))
                || env("CLICOLOR_FORCE").is_some_and(|value| value != "0")),
        unicode: !terminal || locale.to_ascii_uppercase().contains("UTF"),
        all: args.all,
        min_severity: args.min_severity.map(Severity::from),
        fail_on: args.fail_on.and_then(FailOn::severity),
        verbosity: args.verbose,
        // In an image or on another machine's disk nothing lies in the caller's home.
        home: host
            .home
            .as_ref()
            .filter(|_| args.root.is_none() && args.image.is_none())
            .map(|home| home.to_string_lossy().into_owned()),
    }
}
