//! fanal-receivers
