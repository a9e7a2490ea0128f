/// Points cut into chunks where their number says, whatever the number of cores, so that sums over chunks in their
/// order come out the same everywhere.
enum PointChunks {
  /// Points of a chunk: a multiple of the four that are computed side by side.
  static let size = 64

  /// How many chunks there are.
  static func count(_ points: Int) -> Int { (points + size - 1) / size }

  /// The points of a chunk.
  static func range(_ chunk: Int, of points: Int) -> Range<Int> {
    (chunk * size)..<min((chunk + 1) * size, points)
  }
}
