//! The built `zf`, used as people use it: files and uploads in, Python readers out, documents tried, processes killed.

#[cfg(test)]
mod campaign;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod mending;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod readers;
#[cfg(test)]
mod workspace;
