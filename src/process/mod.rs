//! Processes: starting them, hearing them, and ending them with all that they started.
