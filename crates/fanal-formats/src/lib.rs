//! fanal-formats
