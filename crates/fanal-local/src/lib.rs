//! fanal-local
