/** A folder cannot be used for what was asked. The message names it and says what to do. */
export class DataFolderError extends Error {
  override readonly name = "DataFolderError";
}
