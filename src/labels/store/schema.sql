CREATE TABLE meta(k TEXT PRIMARY KEY, v TEXT NOT NULL) STRICT;
CREATE TABLE event(
  n          INTEGER PRIMARY KEY,       -- place in this copy of the store; events of one writer stand in the order of seq
  event_id   BLOB NOT NULL UNIQUE,      -- SHA-256 of the canonical bytes of the columns below
  writer     BLOB NOT NULL,             -- random 16 bytes per annotator and store copy
  seq        INTEGER NOT NULL,          -- 1, 2, 3 ... without holes per writer
  prev       BLOB,                      -- event_id of (writer, seq-1): a hash chain
  lamport    INTEGER NOT NULL,          -- 1 + the largest seen; order never uses the wall clock
  annotator  TEXT NOT NULL,
  at_utc     TEXT NOT NULL,
  clock_suspect INTEGER NOT NULL,
  kind       TEXT NOT NULL CHECK(kind IN ('first_error','all_good','bad_problem','give_up','step_rating','range_rating','note',
                                          'critique','correction','tags','flag','skip','progress','choice','segmentation','undo',
                                          'adjudicate','session')),
  record_key BLOB,
  step       INTEGER,
  step_key   BLOB,
  value      TEXT,                      -- canonical JSON
  target     BLOB,                      -- undo, adjudicate: the event meant
  saw_file   TEXT,                      -- what was on the screen when it was decided
  saw_item   INTEGER,
  saw_prm    TEXT,
  saw_score  TEXT,
  saw_blind  INTEGER NOT NULL,
  saw_shown  TEXT NOT NULL,
  app_version TEXT NOT NULL,
  ms_spent   INTEGER,                   -- time on the solution, idle time cut off
  context    TEXT,                      -- canonical JSON: mode, all seen scores, guideline; NULL in events of schema 1
  UNIQUE(writer, seq)) STRICT;
CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT,'events are append-only'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT,'events are append-only'); END;
-- INSERT OR REPLACE deletes without asking the delete trigger.
CREATE TRIGGER event_no_replace BEFORE INSERT ON event
  WHEN EXISTS(SELECT 1 FROM event WHERE n = NEW.n OR event_id = NEW.event_id OR (writer = NEW.writer AND seq = NEW.seq))
  BEGIN SELECT RAISE(ABORT,'events are append-only'); END;
CREATE TABLE place(annotator TEXT NOT NULL, file TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(annotator, file)) STRICT;
