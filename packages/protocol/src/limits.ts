/**
 * Every limit of a server, by the name under which GetServerInfo publishes it and LIMIT_EXCEEDED
 * refuses by it. Sizes are bytes, times milliseconds.
 */
export interface Limits {
  /** Largest request message. */
  readonly max_request_bytes: number;
  /** Largest reply message. */
  readonly max_response_bytes: number;
  /** Largest frame of an Attach; it may be exceeded by a single item. */
  readonly max_frame_bytes: number;
  /** Calls under way on one Attach. */
  readonly max_attach_calls: number;
  /** Shortest time to live of a session. */
  readonly min_ttl_ms: number;
  /** Time to live of a session that asks for none. */
  readonly default_ttl_ms: number;
  /** Longest time to live of a session. */
  readonly max_ttl_ms: number;
  /** Active sessions in a namespace. */
  readonly max_sessions: number;
  /** Ended sessions that are remembered; beyond it the one that ended first is forgotten early. */
  readonly max_ended_sessions: number;
  /** Active sessions one principal has in a namespace. */
  readonly max_sessions_per_principal: number;
  /** Final outcomes kept for a session that has not confirmed them. */
  readonly max_unanswered: number;
  /** Ranges of request ids in what one request confirms, and in what a session has confirmed. */
  readonly max_answered_ranges: number;
  /** Holds and waiting acquires of one session together. */
  readonly max_holds_per_session: number;
  /**
   * Bytes of keys and owners of all a session holds and waits for, so that GetSession, which must list
   * them all, fits into a reply.
   */
  readonly max_held_bytes_per_session: number;
  /** Waiting acquires of one session. */
  readonly max_waiters_per_session: number;
  /** Waiting acquires on one key; beyond it acquires are denied QUEUE_FULL. */
  readonly max_waiters_per_key: number;
  /** Targets of one acquire. */
  readonly max_targets: number;
  /** Bytes of what a holder publishes. */
  readonly max_value_bytes: number;
  /** Longest delay of the keys of a lost hold that a request or a policy may ask for. */
  readonly max_lock_delay_ms: number;
  /** Policies in a namespace. */
  readonly max_policies: number;
  /** Quarantined principals in a namespace. */
  readonly max_quarantined_identities: number;
  /** Namespaces of a server. */
  readonly max_namespaces: number;
  /** Longest wait of an acquire; a longer one counts as this. */
  readonly max_wait_ms: number;
  /** Longest time a unary acquire stays open. */
  readonly max_poll_timeout_ms: number;
  /** Watches in a namespace. */
  readonly max_watches: number;
  /** Watches of one principal in a namespace. */
  readonly max_watches_per_principal: number;
  /** Datasets in a namespace. */
  readonly max_datasets: number;
  /** Replicas registered for a dataset. */
  readonly max_replicas: number;
  /** Changes of one append. */
  readonly max_append_changes: number;
  /** Bytes of keys and values of one append. */
  readonly max_append_bytes: number;
  /** Bytes of a key of a dataset. */
  readonly max_entry_key_bytes: number;
  /** Appends and waits for replication that wait for replicas in a namespace. */
  readonly max_replication_waits: number;
  /** Longest time an append or a wait for replication waits for replicas. */
  readonly max_replication_wait_ms: number;
  /** How long a replica counts as alive without another Ack. */
  readonly replica_lease_ms: number;
  /** Subscriptions in a namespace. */
  readonly max_subscriptions: number;
  /** Subscriptions of one principal in a namespace. */
  readonly max_subscriptions_per_principal: number;
  /** Bytes of changes sent to a replica and not yet acknowledged; a single batch may exceed it. */
  readonly max_subscription_window_bytes: number;
  /** How long a subscriber may take or acknowledge nothing before it ends SLOW_CONSUMER. */
  readonly max_subscriber_stall_ms: number;
  /** How long a snapshot keeps the log from being dropped after each chunk that was read. */
  readonly snapshot_lease_ms: number;
  /** Largest chunk of a snapshot; it may be exceeded by a single row. */
  readonly max_snapshot_chunk_bytes: number;
  /** Nodes of a digest in one reply. */
  readonly max_digest_nodes: number;
  /** Buckets of one ListBucket. */
  readonly max_buckets: number;
  /** Keys of one FetchEntries. */
  readonly max_fetch_keys: number;
  /** Buckets that one ScrubDataset looks at. */
  readonly max_scrub_buckets: number;
  /** Bytes of requests under way for one principal. */
  readonly max_in_flight_bytes: number;
  /** Time a call has when it names none. */
  readonly default_deadline_ms: number;
  /** Longest time a unary call may ask for. */
  readonly max_deadline_ms: number;
  /** Streams open at once on one HTTP/2 connection. */
  readonly max_concurrent_streams: number;
  /** Header bytes of one request. */
  readonly max_header_bytes: number;
  /** Connections open at once. */
  readonly max_connections: number;
  /** Free disk space below which acquires and new sessions are refused. */
  readonly min_free_bytes: number;
}

/** The limits of a server that was not told otherwise. */
export const DEFAULT_LIMITS: Limits = {
  max_request_bytes: 2 * 1024 * 1024,
  max_response_bytes: 4 * 1024 * 1024,
  max_frame_bytes: 256 * 1024,
  max_attach_calls: 16_384,
  min_ttl_ms: 2_000,
  default_ttl_ms: 15_000,
  max_ttl_ms: 3_600_000,
  max_sessions: 100_000,
  max_ended_sessions: 100_000,
  max_sessions_per_principal: 100_000,
  max_unanswered: 4_096,
  max_answered_ranges: 1_024,
  max_holds_per_session: 10_000,
  max_held_bytes_per_session: 1_536 * 1024,
  max_waiters_per_session: 10_000,
  max_waiters_per_key: 100_000,
  max_targets: 64,
  max_value_bytes: 4_096,
  max_lock_delay_ms: 3_600_000,
  max_policies: 1_000,
  max_quarantined_identities: 10_000,
  max_namespaces: 128,
  max_wait_ms: 3_600_000,
  max_poll_timeout_ms: 60_000,
  max_watches: 10_000,
  max_watches_per_principal: 10_000,
  max_datasets: 1_000,
  max_replicas: 128,
  max_append_changes: 1_000,
  max_append_bytes: 1024 * 1024,
  max_entry_key_bytes: 1_024,
  max_replication_waits: 100_000,
  max_replication_wait_ms: 60_000,
  replica_lease_ms: 10_000,
  max_subscriptions: 1_000,
  max_subscriptions_per_principal: 1_000,
  max_subscription_window_bytes: 4 * 1024 * 1024,
  max_subscriber_stall_ms: 30_000,
  snapshot_lease_ms: 60_000,
  max_snapshot_chunk_bytes: 256 * 1024,
  max_digest_nodes: 16_384,
  max_buckets: 64,
  max_fetch_keys: 1_000,
  max_scrub_buckets: 4_096,
  max_in_flight_bytes: 64 * 1024 * 1024,
  default_deadline_ms: 30_000,
  max_deadline_ms: 120_000,
  max_concurrent_streams: 128,
  max_header_bytes: 16 * 1024,
  max_connections: 10_000,
  min_free_bytes: 64 * 1024 * 1024,
};
