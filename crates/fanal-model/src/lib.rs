//! fanal-model
