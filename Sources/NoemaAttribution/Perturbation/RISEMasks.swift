internal import NoemaTensor

/// Random masks of a grid of cells, enlarged bilinearly and shifted by a part of a cell.
///
/// Mask `n` depends on the seed and on `n` alone. Its expected value is the probability everywhere: indices
/// beyond the border are mirrored about the border cells' centres, whose cells are as random as all others.
struct RISEMasks: Sendable {
  let height, width: Int
  private let cells: Int
  private let probability: Double
  private let random: RandomNumbers

  /// One position along an axis: `(1 − share) · lower + share · upper`.
  private struct Tap {
    var lower, upper: Int
    var share: Float
  }

  init(height: Int, width: Int, cells: Int, probability: Double, seed: UInt64) {
    (self.height, self.width, self.cells, self.probability) = (height, width, cells, probability)
    random = RandomNumbers(seed: seed)
  }

  /// Writes mask `index` row after row.
  func write(_ index: Int, to mask: UnsafeMutableBufferPointer<Float>) {
    var stream = random.split(index)
    let grid = (0..<cells * cells).map { _ in stream.uniform() < probability ? Float(1) : 0 }
    let rows = taps(height, shift: stream.index(below: cellExtent(height)))
    let columns = taps(width, shift: stream.index(below: cellExtent(width)))
    var line = [Float](repeating: 0, count: cells)
    for (y, row) in rows.enumerated() {
      for i in line.indices {
        let lower = grid[row.lower * cells + i]
        line[i] = lower + row.share * (grid[row.upper * cells + i] - lower)
      }
      for (x, column) in columns.enumerated() {
        mask[y * width + x] =
          line[column.lower] + column.share * (line[column.upper] - line[column.lower])
      }
    }
  }

  private func cellExtent(_ extent: Int) -> Int { (extent + cells - 1) / cells }

  /// Where positions along an axis lie between cells, for a window that begins `shift` positions into the
  /// enlarged grid.
  private func taps(_ extent: Int, shift: Int) -> [Tap] {
    let scale = Double(cells) / Double((cells + 1) * cellExtent(extent))
    func mirrored(_ index: Int) -> Int {
      index < 0 ? -index : index >= cells ? 2 * (cells - 1) - index : index
    }
    return (0..<extent).map { position in
      let place = (Double(position + shift) + 0.5) * scale - 0.5, lower = place.rounded(.down)
      return Tap(
        lower: mirrored(Int(lower)), upper: mirrored(Int(lower) + 1), share: Float(place - lower))
    }
  }
}
