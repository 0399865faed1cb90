/**
 * Connections that wait to be accepted on one port (the kernel has a limit of its own, `net.core.somaxconn`). Node accepts
 * one a turn, so a server takes a while for thousands that come back at once. They wait here; were the queue full, they
 * would have to try again after seconds.
 */
export const listenBacklogMax = 4096;
