import { echoed } from '../../base/echo.js';
import { bidiStream, type BoundStreamMethod, type Service } from '../../base/rpc.js';
import { statusCodes, type StatusName } from '../../base/status.js';
import {
  ServerReflectionRequest,
  ServerReflectionResponse,
} from '../../generated/grpc/reflection/v1/reflection.js';
import { decodeMessage, encodeMessage } from '../message.js';
import { DescriptorIndex } from './descriptor-index.js';

export interface ReflectionOptions {
  /** Of the services that are listed. */
  readonly serviceNames: readonly string[];
  /** Read when it is first asked for: a google.protobuf.FileDescriptorSet. */
  descriptors(): Uint8Array;
}

type Answer = ServerReflectionResponse['messageResponse'];

/** gRPC's reflection service, in the version that stands and in the one before, which many tools still ask for. */
export function reflection(options: ReflectionOptions): readonly Service[] {
  let index: DescriptorIndex | undefined;
  const answer = (request: ServerReflectionRequest): ServerReflectionResponse => ({
    validHost: echoed(request.host),
    originalRequest: echoedRequest(request),
    messageResponse: answerTo(
      request,
      options.serviceNames,
      (index ??= new DescriptorIndex(options.descriptors())),
    ),
  });
  const method: BoundStreamMethod = bidiStream<ServerReflectionRequest, ServerReflectionResponse>({
    kind: 'bidi-stream',
    name: 'ServerReflectionInfo',
    decodeRequest: (bytes) => decodeMessage(ServerReflectionRequest, 'ServerReflectionRequest', bytes),
    encodeResponse: (response) => encodeMessage(ServerReflectionResponse, response),
    async *handle(requests) {
      for await (const request of requests) yield answer(request);
    },
  });
  return ['v1', 'v1alpha'].map((version) => ({
    name: `grpc.reflection.${version}.ServerReflection`,
    methods: [method],
  }));
}

/** The protocol has requests repeated; names that there are stay whole. */
function echoedRequest({ host, messageRequest }: ServerReflectionRequest): ServerReflectionRequest {
  return {
    host: echoed(host),
    messageRequest:
      messageRequest?.$case === 'fileContainingExtension'
        ? {
            $case: messageRequest.$case,
            value: {
              containingType: echoed(messageRequest.value.containingType),
              extensionNumber: messageRequest.value.extensionNumber,
            },
          }
        : messageRequest && { $case: messageRequest.$case, value: echoed(messageRequest.value) },
  };
}

function answerTo(
  { messageRequest }: ServerReflectionRequest,
  serviceNames: readonly string[],
  index: DescriptorIndex,
): Answer {
  switch (messageRequest?.$case) {
    case 'listServices':
      return { $case: 'listServicesResponse', value: { service: serviceNames.map((name) => ({ name })) } };
    case 'fileByFilename':
      return files(index.byFileName(messageRequest.value), `file ${echoed(messageRequest.value)}`);
    case 'fileContainingSymbol':
      return files(index.bySymbol(messageRequest.value), `symbol ${echoed(messageRequest.value)}`);
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = messageRequest.value;
      const found = index.byExtension(containingType, extensionNumber);
      return files(found, `extension ${extensionNumber} of ${echoed(containingType)}`);
    }
    case 'allExtensionNumbersOfType': {
      const baseTypeName = messageRequest.value;
      const extensionNumber = index.extensionNumbers(baseTypeName);
      if (extensionNumber === undefined)
        return failure('NOT_FOUND', `type ${echoed(baseTypeName)} is not known`);
      return { $case: 'allExtensionNumbersResponse', value: { baseTypeName, extensionNumber } };
    }
    case undefined:
      return failure('INVALID_ARGUMENT', 'the request asks for nothing that this server knows');
  }
}

function files(fileDescriptorProto: Uint8Array[] | undefined, what: string): Answer {
  if (fileDescriptorProto === undefined) return failure('NOT_FOUND', `${what} is not known`);
  return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function failure(status: StatusName, errorMessage: string): Answer {
  return { $case: 'errorResponse', value: { errorCode: statusCodes[status], errorMessage } };
}
