import {
  createFileRegistry,
  fromBinary,
  toBinary,
  type DescFile,
  type DescMessage,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** Protocol files by their names and by what they define. */
export class DescriptorIndex {
  readonly #files = new Map<string, DescFile>();
  readonly #symbols = new Map<string, DescFile>();
  /** Extensions of a message type: field number to file. */
  readonly #extensions = new Map<string, Map<number, DescFile>>();

  /** @param descriptors a google.protobuf.FileDescriptorSet */
  constructor(descriptors: Uint8Array) {
    for (const file of createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors)).files)
      this.#add(file);
  }

  #add(file: DescFile): void {
    this.#files.set(file.proto.name, file);
    for (const service of file.services) {
      this.#symbols.set(service.typeName, file);
      for (const { name } of service.methods) this.#symbols.set(`${service.typeName}.${name}`, file);
    }
    for (const message of file.messages) this.#addMessage(message, file);
    for (const each of file.enums) this.#symbols.set(each.typeName, file);
    for (const extension of file.extensions) {
      this.#symbols.set(extension.typeName, file);
      const { typeName } = extension.extendee;
      const numbers = this.#extensions.get(typeName) ?? new Map<number, DescFile>();
      this.#extensions.set(typeName, numbers.set(extension.number, file));
    }
  }

  #addMessage(message: DescMessage, file: DescFile): void {
    this.#symbols.set(message.typeName, file);
    for (const { name } of [...message.fields, ...message.oneofs]) {
      this.#symbols.set(`${message.typeName}.${name}`, file);
    }
    for (const each of message.nestedEnums) this.#symbols.set(each.typeName, file);
    for (const nested of message.nestedMessages) this.#addMessage(nested, file);
  }

  /** The file with everything that it imports, each a FileDescriptorProto; undefined if there is none. */
  byFileName(name: string): Uint8Array[] | undefined {
    return withImports(this.#files.get(name));
  }

  /** As `byFileName`, for the file that defines something of this full name. */
  bySymbol(name: string): Uint8Array[] | undefined {
    return withImports(this.#symbols.get(name));
  }

  byExtension(extendee: string, number: number): Uint8Array[] | undefined {
    return withImports(this.#extensions.get(extendee)?.get(number));
  }

  /** Numbers of the extensions of a message type; undefined for a type that is not known. */
  extensionNumbers(extendee: string): number[] | undefined {
    const numbers = this.#extensions.get(extendee);
    if (numbers === undefined) return this.#symbols.has(extendee) ? [] : undefined;
    return [...numbers.keys()];
  }
}

function withImports(file: DescFile | undefined): Uint8Array[] | undefined {
  if (file === undefined) return undefined;
  const files = new Set([file]);
  // A set that grows while it is iterated over hands out what was added too.
  for (const each of files) for (const imported of each.dependencies) files.add(imported);
  return [...files].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
}
