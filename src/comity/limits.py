"""Every bound and protocol constant, in one place, with a name.

Invariant: relations between bounds are checked when this module is imported.
Bounds under "consensus" are part of the protocol: changing one is a protocol change.
"""

SECOND_NS = 10**9  # times are nanoseconds

FORMAT_NUMBER = 1  # of wire form, log, tree and golden histories; raised by each change until 1.0

# --- consensus: keys and signatures (R2, R3.3) ---
SEED_BYTES = 32  # Ed25519 secret seed (RFC 8032, section 5.1.5)
PUBLIC_KEY_BYTES = 32  # Ed25519 (RFC 8032, section 5.1.5)
SIGNATURE_BYTES = 64  # Ed25519 (RFC 8032, section 5.1.6)
ACCOUNT_ID_BYTES = 20  # account ids and key ids (R2.4)

# --- consensus: transactions (R2) ---
TRANSACTION_BYTES_MAX = 1 << 20  # 1 MiB, the whole wire form
CALLS_PER_TRANSACTION_MAX = 1_000
ROWS_PER_CALL_MAX = 1_000
NESTING_MAX = 16  # arrays and maps inside one another
CONTAINERS_PER_TRANSACTION_MAX = (
    50_000  # arrays and maps in a body; a megabyte of empty ones would take seconds
)
CBOR_CONTAINERS_MAX = 1_000_000  # in anything else
ROWS_TOUCHED_PER_TRANSACTION_MAX = 10_000  # read or written; beyond: refusal
ACTION_NAME_CHARS_MAX = 81  # app name, dot, action name
VALID_UNTIL_AHEAD_NS_MAX = 24 * 3600 * 10**9  # past the block's time
SALT_BYTES = 16

# --- consensus: blocks (R3) ---
ROWS_WRITTEN_PER_BLOCK_MAX = 20_000
ROWS_TOUCHED_PER_BLOCK_MAX = 400_000  # read or written, 1.5 s; what is left waits, timers use half
BLOCK_BYTES_MAX = 4 << 20  # sum of the entries of one block
TIMERS_PER_BLOCK_MAX = 500
TIMER_DELAY_NS_MIN = (
    10**9
)  # 1 s past the block's time; timers that set timers make no endless run of blocks
SEEN_EXPIRED_PER_ENTRY = (
    2  # a block deletes at most this x entries + SEEN_EXPIRED_BASE of comity_seen
)
SEEN_EXPIRED_BASE = 1_000
CALLS_PER_SENDER_PER_BLOCK_MAX = 20_000
BYTES_PER_SENDER_PER_BLOCK_MAX = 4 << 20
JOINS_PER_BLOCK_MAX = 100  # accounts that open joining admits in one block
QUOTAS_MAX = 20  # rules that genesis may set
QUOTA_CALLS_MAX = 10**9
QUOTA_WINDOW_S_MAX = 31 * 24 * 3600
BLOCK_TIME_AHEAD_NS_MAX = 500_000_000  # 0.5 s, proposer's clock against ours
BLOCK_TIME_AGE_NS_MAX = 15 * 10**9  # 15 s

# --- consensus: keys, names, schemas (R4) ---
ENCODED_KEY_BYTES_MAX = 256
NAME_CHARS_MAX = 40  # table and column names
LEDGER_NAME_CHARS_MAX = 33  # the engine allows 50 for name, dash and 16 hex digits
COLUMNS_PER_TABLE_MAX = 100
INDEXES_PER_TABLE_MAX = 8
KEY_COLUMNS_MAX = 8
TEXT_CHARS_MAX = 100_000  # bound that a column may declare at most
BYTES_MAX = 100_000
TEXT_CHARS_DEFAULT = 4_000
KEY_TEXT_CHARS_DEFAULT = 120
ENUM_VALUES_MAX = 100
DECIMAL_DIGITS_MAX = 18
DECIMAL_SCALE_MAX = 9
SCHEMA_VERSIONS_BYTES_MAX = (
    256 << 10
)  # all versions of one table's schema; each change keeps them all in history
TABLES_MAX = 1_000  # at one time
TABLES_EVER_MAX = 10_000  # dropped ones included: names, schemas and histories stay for ever
KEYS_PER_ACCOUNT_MAX = 32
INT64_MIN = -(1 << 63)
INT64_MAX = (1 << 63) - 1

# --- keys on a member's disk, not consensus (client) ---
ENTROPY_BYTES = 32  # what 24 words encode (BIP-39)
WORDS_COUNT = 24
WORDS_TEXT_CHARS_MAX = 1_000  # 24 words of at most 8 letters need 215
BECH32M_CHARS_MAX = 90  # BIP-173
KEY_NAME_CHARS_MAX = 40
KEY_FILE_BYTES_MAX = 4_096  # about 500 are used
KEY_FILES_MAX = 1_000  # in one folder
INVITATION_SECRET_BYTES = 16  # of an invitation's word; nobody guesses 128 bits
INVITATION_LEDGER_BYTES = 16  # of the genesis hash in it; nobody makes another genesis that fits
INVITATION_TABLES_MAX = 20  # whose rules the page of an invitation tells
PASSPHRASE_BYTES_MIN = 8  # for a new key; NIST SP 800-63B, section 3.1.1.2
PASSPHRASE_BYTES_MAX = 1_024
KDF_OPERATIONS_MAX = 4  # argon2id "sensitive": a hostile key file may cost no more time
KDF_MEMORY_BYTES_MAX = 1 << 30  # argon2id "sensitive": 1 GiB

# --- consensus: what applications declare (SDK) ---
REFUSAL_TEXT_MAX = 200  # characters or bytes of one field of a refusal; the rest is cut off
REFUSAL_CODE_MAX = 9_999
PARAMETERS_PER_ACTION_MAX = 32
DOCUMENT_ITEMS_MAX = 10_000  # values in an argument whose shape the action itself decides

CALL_DEPTH_MAX = 8  # actions that call one another within one call

# --- one node's memory, not consensus ---
VERIFIED_REMEMBERED_MAX = 100_000  # signatures, and accounts, remembered between checks
BLOCKS_PER_SUBMIT_MAX = 1_000  # blocks that one call of an engine makes
CANDIDATES_KEPT_MAX = 8  # executed blocks of one height, waiting for a decision
ACCEPTED_KEPT_MAX = 1_000  # hashes of blocks of one height that a node voted for

AUDIT_FINDINGS_MAX = 200  # named one by one; the rest is counted

# --- storage, not consensus ---
FILE_FORMAT_NUMBER = 2  # of a node's SQLite file: its unhashed tables and the pages of its trees
UNDO_BLOCKS = 16  # blocks that can be undone (R5.1)
STORE_BUSY_MS = 5_000  # wait for another process that holds the file's lock
STORE_CACHE_KIB = (
    256 << 10
)  # SQLite's pages that a node keeps in memory; taken as they are touched (decision 0006)
WAL_PAGES_MAX = (
    32_768  # 128 MiB of 4 KiB pages: beyond, a block is followed by a checkpoint (decision 0006)
)
WAL_PAGES_MOVED_EARLY = 4_096  # 16 MiB: a node moves so many at a time beside its writer
TREE_PAGE_ENTRIES_MAX = 64
TREE_PAGE_BYTES_MAX = 4_057  # a tree page then lies in one page of SQLite's 4,096 bytes
TREE_DEPTH_MAX = 8 * ENCODED_KEY_BYTES_MAX
TREE_CACHE_PAGES_MAX = 12_288  # pages with child pages, about 2 kB each; all tables together
TREE_BUILD_ROWS = 20_000  # rows of one batch when a tree is built

# --- transparency log (C2SP, RFC 9162) ---
LOG_SIZE_MAX = (1 << 63) - 1  # leaves; fits SQLite's integers and every C2SP reader's
LOG_PATH_HASHES_MAX = 64  # a consistency path of a log of that size; inclusion needs one less
LOG_ENTRY_BYTES_MAX = 65_535  # tlog-tiles writes an entry's length in two bytes
TILE_LEVEL_MAX = 63  # highest level that a tile path can name
TILE_CACHE_TILES = 128  # folded tiles that one reader keeps, about 40 kB each
NOTE_BYTES_MAX = 64_000  # whole signed note
NOTE_SIGNATURES_MAX = 256  # C2SP asks for at least 16
NOTE_NAME_BYTES_MAX = 255  # key name and origin; newer cosignatures write their length in one byte
TLOG_PROOF_EXTRA_BYTES_MAX = 4_096  # unauthenticated field
TLOG_PROOF_BYTES_MAX = NOTE_BYTES_MAX + 9_000  # with 64 lines of hashes and the extra field
COSE_RECEIPT_BYTES_MAX = 8_192

# --- bundles: offline proofs, not consensus ---
BUNDLE_BYTES_MAX = (
    8 << 20
)  # a transaction with its receipt needs 5 MiB, a genesis or a schema list 1 MiB each
BUNDLE_DEPTH_MAX = 8  # arrays and maps inside one another; 5 are used
BUNDLE_ROWS_MAX = 10_000  # rows of a proved range
VERIFY_ROWS_SHOWN_MAX = 50  # of a proved range, on a terminal; --json gives all
VERIFY_CELL_CHARS_SHOWN_MAX = 60  # of a cell of such a row
PAST_PROOF_ROWS_MAX = (
    1_000_000  # rows of a table whose tree is rebuilt to prove an older height; about 15 s
)

# --- files that become tables: the client's, not consensus ---
IMPORT_FILE_BYTES_MAX = (
    1 << 28
)  # 256 MiB: a file is held in memory whole, because types come from all of it
IMPORT_LINE_CHARS_MAX = 1 << 20  # a longer line could not travel in one transaction
IMPORT_FIELD_CHARS_MAX = 131_072  # above TEXT_CHARS_MAX; the csv module's own bound
IMPORT_QUOTED_LINES_MAX = 20  # line ends inside one field; more means a stray quote
IMPORT_REJECTS_KEPT_MAX = (
    10_000  # rejected lines kept for FILE.rejects.csv; beyond: the file is refused
)
ENCODING_SAMPLE_BYTES_MAX = 1 << 16  # lines beyond ASCII that the encoding is guessed from
INFERRED_INTEGER_DIGITS_MAX = 18
INFERRED_SCALE_WARNED = 6  # more digits after the point look like noise of a binary fraction
INFERRED_ENUM_VALUES_MAX = 24
INFERRED_ENUM_ROWS_PER_VALUE_MIN = 10
KEY_PAIR_COLUMNS_MAX = 10  # columns among which a key of two is looked for
TABLE_FILE_BYTES_MAX = 1 << 20
TABLE_LINE_DOTS_MAX = 1_000  # a dotted key makes a level at each; tomllib took 400 MB for 10,000
JSON_INTEGER_MAX = (
    1 << 53
)  # beyond, readers that know only binary fractions lose digits (RFC 8259, section 6)

# --- imports: the client's, not consensus ---
IMPORT_BATCH_ROWS = 500  # rows of one call: one signature, one receipt
IMPORT_TRANSACTIONS_PER_SUBMIT = 8  # about one commit for as many batches
IMPORT_ROWS_COMPARED = 5_000  # live rows that are looked up in one go
JOURNAL_BYTES_MAX = 1 << 30  # of one import into a numbered table

# --- queries, not consensus: what a read may cost; an error names the one that ended it ---
QUERY_TIME_MS = 5_000  # wall clock of one query; DISTINCT over 1,000,000 rows takes 1.4 to 2.4 s
QUERY_HEAP_BYTES = 48 << 20  # SQLite's memory for one query: caches, sorters, spilled tables
QUERY_PROCESS_BYTES = 512 << 20  # address space of the process that runs queries
QUERY_ROWS_MAX = 10_000  # an answer is cut here, and says so
QUERY_ANSWER_BYTES_MAX = 16 << 20  # an answer is cut here, and says so
QUERY_SQL_BYTES_MAX = 20_000  # length of a query's text in UTF-8
QUERY_PARAMETERS_MAX = 200
QUERY_PARAMETERS_BYTES_MAX = 1 << 20  # all parameters of a query together
QUERY_VALUE_BYTES_MAX = 2 << 20  # one value or one row inside SQLite; a stored row is at most 1 MiB
QUERY_COLUMNS_MAX = 250  # of a result, a GROUP BY, an ORDER BY
QUERY_EXPRESSION_DEPTH_MAX = 100
QUERY_COMPOUND_MAX = 20  # SELECTs joined by UNION, INTERSECT or EXCEPT
QUERY_PROGRAM_OPS_MAX = 25_000  # length of the program that SQLite makes of a query
QUERY_FUNCTION_ARGUMENTS_MAX = 64
QUERY_PATTERN_BYTES_MAX = 100  # of LIKE and GLOB
QUERY_PROGRESS_OPS = 1_000  # SQLite operations between two looks at the clock
QUERY_KILL_GRACE_MS = (
    500  # past its time, a query inside one long function is ended with its process
)
QUERY_START_MS_MAX = 10_000  # for a query process to start
QUERY_BUSY_MS = 1_000  # wait for another process that recovers the file
QUERY_FRAME_BYTES = (
    256 << 10
)  # rows go from the query process to its parent in pieces of about this
ROW_VERSIONS_MAX = 1_000  # of one row, in its history; the newest

# --- one node's settings: what comity.toml may hold, not consensus ---
CONFIG_BYTES_MAX = 64 << 10  # of the whole file
CONFIG_TEXT_CHARS_MAX = 255  # of one value; the longest name of a host has 253 (RFC 1035)
NODE_PORT = 7_080
PORT_MAX = 65_535
CONNECTIONS = 2_000  # open at once; each idle one costs some kilobytes
CONNECTIONS_MAX = 60_000
REQUEST_BYTES = 8 << 20  # body of one request: 4 MiB of transactions, or 500 rows
REQUEST_BYTES_MAX = 64 << 20
REQUEST_TRANSACTIONS_MAX = 256  # signed transactions in one request
REQUEST_DRAINED_BYTES_MAX = (
    32 << 20
)  # of a body that is too large, read so that its sender hears the answer
REQUEST_BODIES_BYTES_MAX = 128 << 20  # of all bodies that are being received; beyond: busy
REQUEST_SMALL_BYTES = (
    64 << 10
)  # of each body, that do not count there: small requests are never busy by it
REQUEST_HEADERS_BYTES_MAX = 32 << 10  # request line and headers
REQUEST_TIME_MS = 30_000  # from a request's first byte to its last
KEEP_ALIVE_S = 75  # that a connection stays open between two requests
RESPONSE_STALL_S = 30  # that a client may leave an answer unread
SERVER_STOP_S = 4  # that a stopping node waits for open requests
BACKLOG = 1_024  # connections that wait to be accepted
SUBMIT_TIME_MS = 10_000  # that an answer waits for finality before it says "unknown yet"
WAIT_MS_MAX = 600_000  # of any time that a setting gives
BATCH_WAIT_MS = 2  # a block closes when nothing more arrived for so long
BATCH_WAIT_MS_MAX = 1_000
BLOCK_TRANSACTIONS = 1_000  # that this node puts into one block; it closes when it has them
BLOCK_TRANSACTIONS_MAX = 10_000
IN_FLIGHT_TRANSACTIONS = 4_000  # accepted and not yet final; beyond: busy, retry later
IN_FLIGHT_TRANSACTIONS_MAX = 100_000
IN_FLIGHT_BYTES = 64 << 20  # the same transactions, their bytes together
IN_FLIGHT_BYTES_MAX = 1 << 30
AHEAD_TRANSACTIONS_MAX = 2  # while blocks are so small, they are executed before they close
BATCH_AGE_MS = 20  # a block closes so long after its first transaction, even if more arrive
ENGINE_RETRY_MS = 1_000  # until the next try, when no block could be written
ENGINE_STOP_S = 3  # that a stopping engine goes on with what waits
CLOCK_LOOK_S = 10  # between two looks at the clock while a timer or the block interval is awaited
IDENTIFIED_BYTES_MAX = 64 << 10  # of transactions whose ids the event loop works out itself
OUTCOMES_REMEMBERED_MAX = 10_000  # rejections of transactions that nobody waited for
VERIFIERS = 2  # threads that check signatures
SIGNATURES_SPLIT_MIN = 8  # signatures that are worth the hand-over to them
READ_PROCESSES_MAX = 32  # of each kind
WAL_PAGES_SETTING_MAX = 1 << 20  # 4 GiB

# --- one node's metrics and log, not consensus ---
METRIC_SERIES_MAX = 1_000  # of one metric; what is beyond is counted under "other"
LOG_VALUE_CHARS_MAX = 300  # of one field of a line; the rest is cut off
REQUEST_ID_CHARS_MAX = 64  # that a caller may give; a longer one is replaced

# --- backups, not consensus ---
MANIFEST_BYTES_MAX = 1 << 20
BACKUP_MEMBERS_MAX = 4 + KEY_FILES_MAX  # manifest, genesis, file, node's key, members' keys

# --- one node's health, not consensus: beyond these it says that something is wrong ---
DISK_FREE_BYTES_MIN = 256 << 20  # left on the ledger's disk: the WAL alone may take 128 MiB
CLOCK_BEHIND_NS_MAX = 5 * 10**9  # the last block's time ahead of this machine's clock
COMMIT_WAIT_MS_MAX = 10_000  # that the oldest transaction in flight waits for its block
DOCTOR_CHECK_TIME_S = 10  # that comity doctor looks through the ledger's file
DOCTOR_ANSWER_TIME_S = 2  # that it waits for a running node's answer
DOCTOR_ANSWER_BYTES_MAX = 64 << 10
OPEN_FILES_BESIDE_CONNECTIONS = 100  # of a node: the ledger's file, query processes, log

# --- reads that a node answers, not consensus: pages, tokens, and the processes behind them ---
READ_ROWS_DEFAULT = 100  # of a page, where nothing is asked
READ_ROWS_MAX = 1_000  # of a page; who asks for more is refused, never cut
READ_BODY_BYTES_MAX = 4 << 20  # a page ends here, with a token that leads on
READ_FILTERS_MAX = 20  # conditions of one page
READ_TEXT_CHARS_MAX = 4_000  # of one filter, key or token in an address
READ_HISTORY_TAIL_MAX = 20_000  # versions sorted for a page of an older height; beyond: by key
READ_PROCESSES_QUICK = 2  # answer rows, pages, blocks, the log and changes
READ_PROCESSES_SLOW = 2  # answer SQL, views, differences and proofs
READ_WAITING_MAX = 200  # reads that wait for a process, of each kind; beyond: busy
READ_WAIT_MS_MAX = 5_000  # that a read waits for a process; beyond: busy
READ_RETRY_AFTER_S = 1  # what "busy" asks for
CHANGES_MAX = 500  # row changes, or blocks, of one answer of the feed
READ_BODIES_BYTES_MAX = 64 << 20  # of all answers that are being sent; beyond: busy
EVENT_STREAMS_MAX = 500  # readers that follow blocks or tables; beyond: busy
EVENT_BATCH_BYTES = 64 << 10  # read ahead for one follower, who may be slow
EVENT_COMMENT_S = 15  # of silence, after which a comment keeps a stream open
WRITE_ROWS_MAX = 500  # that one request may add
TOKENS_MAX = 1_000  # that a node keeps
TOKEN_BYTES_MAX = 16 << 10  # one token's file
TOKEN_SCOPE_MAX = 100  # permissions of one token
TOKEN_LIFE_S_MAX = 366 * 24 * 3600
CHANGES_UNDO_KEYS_MAX = 2_000  # keys looked up one by one; beyond: one pass over the table

# --- the client of a node over HTTP, not consensus ---
CLIENT_TIMEOUT_S = 10  # that a call goes on: until finality, over lost connections and "busy"
CLIENT_ANSWER_BYTES_MAX = 64 << 20  # of one answer; a node that sends more is not listened to
CLIENT_REQUEST_BYTES = 4 << 20  # transactions of one request together, beside one of any size
CLIENT_RETRY_MS = 50  # before the second try; each further one waits twice as long
CLIENT_RETRY_MS_MAX = 1_000
CLIENT_TIP_AGE_S = 60  # that the last block's time is taken for granted when signing
CLIENT_SILENCE_S = (
    3 * EVENT_COMMENT_S
)  # of a stream of events; then the connection is taken for lost
CLIENT_LOOKED_UP_MAX = 20  # keys that are proved one by one; more are proved by ranges
KNOWN_LEDGERS_BYTES_MAX = 1 << 20  # of the file that remembers genesis hashes

if LEDGER_NAME_CHARS_MAX + 1 + 16 > 50:
    raise ValueError("chain id would exceed the engine's 50 characters")
if ROWS_TOUCHED_PER_TRANSACTION_MAX > ROWS_WRITTEN_PER_BLOCK_MAX:
    raise ValueError("one transaction could exceed a block's rows")
if TABLES_MAX > TABLES_EVER_MAX:
    raise ValueError("a ledger could not have as many tables as it may")
if 4 * ROWS_TOUCHED_PER_TRANSACTION_MAX > ROWS_TOUCHED_PER_BLOCK_MAX:
    raise ValueError("timers could leave no room for a transaction")
if TRANSACTION_BYTES_MAX > BLOCK_BYTES_MAX:
    raise ValueError("one transaction could exceed a block's bytes")
if QUERY_VALUE_BYTES_MAX < 2 * TRANSACTION_BYTES_MAX:
    raise ValueError("a stored row could exceed what a query may read")
if QUERY_PROCESS_BYTES < 4 * QUERY_HEAP_BYTES:
    raise ValueError("a query's heap would not fit into its process")
if IN_FLIGHT_BYTES < BLOCK_BYTES_MAX or REQUEST_BYTES < TRANSACTION_BYTES_MAX:
    raise ValueError("a node could not take what the ledger permits")
