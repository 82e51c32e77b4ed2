import { type DescFile, type DescMessage, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

/** What reflection tells: the files that define the served services, and everything they use. */
export class Descriptors {
  /** The full names of the services, in order. */
  readonly services: readonly string[];
  readonly #files = new Map<string, DescFile>();
  readonly #bySymbol = new Map<string, DescFile>();

  constructor(services: readonly DescService[]) {
    this.services = services.map(({ typeName }) => typeName).sort();
    for (const { file } of services) this.#addFile(file);
  }

  /** A file by its name, with all files it needs; undefined when there is none. */
  file(name: string): Uint8Array[] | undefined {
    const file = this.#files.get(name);
    return file && withDependencies(file);
  }

  /** The file that defines a service, method, message, field or enum; undefined when there is none. */
  fileOf(symbol: string): Uint8Array[] | undefined {
    const file = this.#bySymbol.get(symbol);
    return file && withDependencies(file);
  }

  /** Whether a message of this name is known. No extensions are. */
  has(symbol: string): boolean {
    return this.#bySymbol.has(symbol);
  }

  #addFile(file: DescFile): void {
    if (this.#files.has(file.proto.name)) return;
    this.#files.set(file.proto.name, file);
    for (const dependency of file.dependencies) this.#addFile(dependency);
    for (const message of file.messages) this.#addMessage(message);
    for (const { typeName } of file.enums) this.#bySymbol.set(typeName, file);
    for (const service of file.services) {
      this.#bySymbol.set(service.typeName, file);
      for (const { name } of service.methods) {
        this.#bySymbol.set(`${service.typeName}.${name}`, file);
      }
    }
  }

  #addMessage(message: DescMessage): void {
    this.#bySymbol.set(message.typeName, message.file);
    for (const { name } of message.fields) {
      this.#bySymbol.set(`${message.typeName}.${name}`, message.file);
    }
    for (const { typeName } of message.nestedEnums) this.#bySymbol.set(typeName, message.file);
    for (const nested of message.nestedMessages) this.#addMessage(nested);
  }
}

/** A file after everything it needs, each once, encoded. */
function withDependencies(file: DescFile): Uint8Array[] {
  const ordered = new Map<string, DescFile>();
  const visit = (next: DescFile): void => {
    if (ordered.has(next.proto.name)) return;
    for (const dependency of next.dependencies) visit(dependency);
    ordered.set(next.proto.name, next);
  };
  visit(file);
  return [...ordered.values()].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
}
