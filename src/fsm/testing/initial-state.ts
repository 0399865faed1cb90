import { emptyConfig } from '../../raft/config-change.js';
import type { InitialState } from '../state-machine.js';

/** Of a cluster of one member. */
export const initialState: InitialState = {
  clusterId: 5n,
  config: { ...emptyConfig, voters: [1n] },
  members: [
    {
      id: 1n,
      name: 'node1',
      peerAddress: 'a:1',
      clientAddress: 'a:2',
      promoteWhenReady: false,
      levels: { min: 1, max: 1 },
    },
  ],
  featureLevel: 1,
};
