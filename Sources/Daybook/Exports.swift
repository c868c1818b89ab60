// `import Daybook` is all a user writes: the nouns, the records and the codecs of the public interface come with it.
// The targets below stay apart so that their imports can be kept in one direction.

@_exported public import DaybookCompression
@_exported public import DaybookModel
@_exported public import DaybookRecords
