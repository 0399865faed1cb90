import {
  status,
  type Server,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation, protoPath as healthProtoFile } from 'grpc-health-check';

/** Part of a streaming call that grpc-js hands to a handler. */
interface OpenStream {
  once(event: 'cancelled' | 'close', listener: () => void): unknown;
  emit(event: 'error', error: { code: status; details: string }): boolean;
}

/**
 * The services that other packages bring: health and reflection. Their streams may stay open as long as the
 * client likes; to stop, the server ends them.
 */
export class StreamingServices {
  readonly #health = new HealthImplementation();
  readonly #serviceNames: readonly string[];
  readonly #open = new Set<OpenStream>();

  constructor(serviceNames: readonly string[]) {
    this.#serviceNames = ['', ...serviceNames];
    this.setServing(false);
  }

  setServing(serving: boolean): void {
    for (const name of this.#serviceNames) {
      this.#health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
    }
  }

  /** @param protoFiles what reflection tells; absolute paths */
  addTo(server: Server, protoFiles: readonly string[]): void {
    const tracked = {
      addService: (definition: ServiceDefinition, implementation: UntypedServiceImplementation): void => {
        server.addService(definition, this.#track(definition, implementation));
      },
    };
    this.#health.addToServer(tracked);
    const files = loadSync([...protoFiles, healthProtoFile], { keepCase: true });
    new ReflectionService(files).addToServer(tracked);
  }

  endStreams(): void {
    for (const stream of this.#open) {
      stream.emit('error', { code: status.UNAVAILABLE, details: 'this member is stopping' });
    }
  }

  #track(
    definition: ServiceDefinition,
    implementation: UntypedServiceImplementation,
  ): UntypedServiceImplementation {
    const tracked: UntypedServiceImplementation = { ...implementation };
    for (const [name, { responseStream, originalName }] of Object.entries(definition)) {
      const key = implementation[name] === undefined ? (originalName ?? name) : name;
      const handler = implementation[key] as ((stream: OpenStream) => void) | undefined;
      if (!responseStream || handler === undefined) continue;
      tracked[key] = (stream: OpenStream): void => {
        this.#open.add(stream);
        stream.once('cancelled', () => this.#open.delete(stream));
        handler(stream);
      };
    }
    return tracked;
  }
}
