internal import Foundation
internal import Noema

/// Relevance as the method made it, kept on disk until it is exported.
final class RelevanceScratch {
  private let folder: ResultFolder
  private let name = ".relevance"
  /// The batch of each example, and its row there.
  private var places: [Int: (batch: Int, row: Int)] = [:]
  private var count = 0
  private var open: (batch: Int, file: MappedNPY)?

  /// Keeps relevance inside a folder that is being written; `remove` it before the folder is finished.
  init(in folder: ResultFolder) { self.folder = folder }

  /// Keeps a batch.
  func append(_ relevance: Tensor, of examples: [Int]) throws {
    try NPYFile.write(relevance, to: try path(count))
    for (row, example) in examples.enumerated() { places[example] = (count, row) }
    count += 1
  }

  /// The relevance of some examples, all of which are kept.
  func callAsFunction(_ examples: [Int]) throws -> Tensor {
    try Tensor.stacked(
      try examples.map { example in
        guard let place = places[example] else {
          throw DataError(.malformed("there is no relevance of example \(example)"), at: folder.path)
        }
        if open?.batch != place.batch {
          open = (place.batch, try MappedNPY(path: path(place.batch)))
        }
        guard let file = open?.file else { throw DataError(.missingFile, at: folder.path) }
        return try file.rows(place.row..<place.row + 1)
      })
  }

  /// Removes what is kept.
  func remove() { try? FileManager.default.removeItem(atPath: "\(folder.stagingPath)/\(name)") }

  private func path(_ batch: Int) throws -> String { try folder.makePath(for: "\(name)/\(batch).npy") }
}
