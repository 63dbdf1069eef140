/** What an embedding program says of the network: how hosts are looked up, how long and how much, and secrets that guests never see. */

export type NetworkOptions = {
  /** Looks up the addresses of a host (Node). Default: the system's. What it answers is decided on, and connected to. */
  lookup?: (host: string) => Promise<readonly string[]>
  /** Milliseconds until an answer's headers must have come; default 30,000. */
  timeoutMs?: number
  /** Milliseconds without a byte of a body, of an answer's or one that is sent in pieces; default 15,000. */
  idleTimeoutMs?: number
  /** Bytes of an answer's body, decompressed; default 64 MiB. */
  responseBytes?: number
  /** Bytes of a body that is sent in pieces; default 64 MiB. */
  requestBytes?: number
  /** Requests of a sandbox at once, open bodies among them; default 6. */
  concurrent?: number
  /** Certificates in PEM that servers' are checked against, instead of the runtime's (Node). */
  ca?: string
}

/** A header that is added to every request to one origin: the guest neither sets nor sees it. */
export type HeaderSecret = { origin: string; header: string; value: string }

/** An argument that is added to every call of one tool: the guest neither sets nor sees it. */
export type ArgumentSecret = { tool: string; argument: string; value: unknown }

export type Secret = HeaderSecret | ArgumentSecret
