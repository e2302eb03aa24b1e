//! The built `zf`, used as people use it: files and uploads in, Python readers out, documents tried, the
//! interface asked at random, processes killed.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod campaign;
#[cfg(test)]
mod careless_s3;
#[cfg(test)]
mod collect;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod interface;
#[cfg(test)]
mod mending;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod readers;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod stores;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod viewer;
#[cfg(test)]
mod watching;
#[cfg(test)]
mod workspace;
