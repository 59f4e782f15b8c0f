//! fanal-query
