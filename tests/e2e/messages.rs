//! What people are told when something does not fit: exact messages, exit codes, statuses.
