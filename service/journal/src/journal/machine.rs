//! What the kernel tells of memory: how much there is, and whether processes were killed for want of it.

use std::path::Path;

/// Used where nothing tells how much memory there is.
const UNKNOWN_BYTES: u64 = 4 << 30;

/// The least of what the machine has, its container may use, and the process may address.
pub fn memory_there_is() -> u64 {
    let machine = of_line("/proc/meminfo", "MemTotal:").map(|kilobytes| kilobytes << 10);
    let process = of_line("/proc/self/limits", "Max address space");
    let bounds = machine.into_iter().chain(process).chain(of_groups());
    bounds.min().unwrap_or(UNKNOWN_BYTES)
}

/// How many processes of this machine were killed for want of memory since it started, where the kernel tells.
pub fn n_killed() -> Option<u64> {
    of_line("/proc/vmstat", "oom_kill ")
}

/// The first number of the line of a file that begins with `name`; `None` if it has none, such as `unlimited`.
fn of_line(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Bounds of the control groups that the process is in.
fn of_groups() -> Vec<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut bounds = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (root, name) = if controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue;
        };
        // Those above bound it, too. In a container, its own group may be mounted as the root.
        let path = Path::new(path.trim_start_matches('/'));
        for group in path.ancestors() {
            let text = std::fs::read_to_string(Path::new(root).join(group).join(name));
            bounds.extend(text.ok().and_then(|text| text.trim().parse::<u64>().ok()));
        }
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_some_memory() {
        assert!(memory_there_is() > 1 << 20);
    }
}
