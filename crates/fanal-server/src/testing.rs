//! Tests of whole answers: a router over a store in memory, asked as a client would.
