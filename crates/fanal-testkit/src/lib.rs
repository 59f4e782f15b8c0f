//! fanal-testkit
