//! Controls as findings name them, `framework:id`, and what other formats want to know of them: ids, names and editions only.

/// A catalogue of controls.
pub(super) struct Framework {
    /// What stands before the colon.
    pub(super) id: &'static str,
    /// Its name.
    pub(super) name: &'static str,
    /// The edition whose ids are used.
    pub(super) edition: &'static str,
}

/// Those of `controls.yaml`, in its order.
pub(super) const FRAMEWORKS: &[Framework] = &[
    framework("owasp-nhi", "OWASP Non-Human Identities Top 10", "2025"),
    framework("nist-csf", "NIST Cybersecurity Framework", "2.0"),
    framework("nist-ai-rmf", "NIST AI Risk Management Framework", "1.0"),
    framework("cis", "CIS Controls", "8.1"),
    framework("iso27001", "ISO/IEC 27001 Annex A", "2022"),
    framework("soc2", "AICPA Trust Services Criteria", "2017 (2022 points of focus)"),
    framework("pci", "PCI DSS", "4.0.1"),
    framework("nist-800-53", "NIST SP 800-53", "5"),
    framework("attack", "MITRE ATT&CK Enterprise", "19"),
    framework("cwe", "CWE", "4"),
];

const fn framework(id: &'static str, name: &'static str, edition: &'static str) -> Framework {
    Framework { id, name, edition }
}

/// The ids of one framework among controls, in their order.
pub(super) fn of<'c>(controls: &'c [String], framework: &str) -> impl Iterator<Item = &'c str> {
    controls.iter().filter_map(move |control| {
        let (known, id) = control.split_once(':')?;
        (known == framework).then_some(id)
    })
}

/// Framework and id of a control, where the framework is known.
pub(super) fn split(control: &str) -> Option<(&'static Framework, &str)> {
    let (framework, id) = control.split_once(':')?;
    Some((FRAMEWORKS.iter().find(|known| known.id == framework)?, id))
}

/// Name of an ATT&CK technique that findings can touch (Enterprise 19).
pub(super) fn technique(id: &str) -> Option<&'static str> {
    Some(match id {
        "T1078.004" => "Cloud Accounts",
        "T1098.004" => "SSH Authorized Keys",
        "T1525" => "Implant Internal Image",
        "T1528" => "Steal Application Access Token",
        "T1550.001" => "Application Access Token",
        "T1552.001" => "Credentials In Files",
        "T1552.003" => "Shell History",
        "T1552.004" => "Private Keys",
        "T1552.005" => "Cloud Instance Metadata API",
        "T1557" => "Adversary-in-the-Middle",
        "T1649" => "Steal or Forge Authentication Certificates",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::controls::Controls;

    #[test]
    fn names_are_those_of_the_pack() {
        let pack = Controls::load(include_str!("../../rules/controls.yaml")).unwrap();
        let known: Vec<_> = FRAMEWORKS.iter().map(|it| (it.id, it.name, it.edition)).collect();
        let declared: Vec<_> = pack
            .frameworks
            .iter()
            .map(|it| (it.id.as_str(), it.name.as_str(), it.edition.as_str()))
            .collect();
        assert_eq!(known, declared);
        let controls: Vec<String> =
            pack.issues.into_iter().flat_map(|issue| issue.controls).collect();
        for id in of(&controls, "attack") {
            assert!(technique(id).is_some(), "{id} has no name");
        }
    }
}
