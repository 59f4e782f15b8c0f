//! fanal-server
