//! fanal-pipeline
