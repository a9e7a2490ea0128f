public import NoemaData

/// A picture with the part that matters bright and outlined, and the rest dim.
public enum OutlinedRegion {
  /// Yellow on black is seen on any photograph.
  private static let line: [UInt8] = [255, 214, 10]

  /// Draws a region.
  ///
  /// - Parameters:
  ///   - mask: whether each pixel belongs to the region, row after row; as many as the picture has.
  /// - Returns: the picture in colour; itself where the mask is of another size.
  public static func image(_ image: Image, mask: [Bool]) -> Image {
    let (width, height) = (image.width, image.height)
    guard mask.count == width * height else { return image }
    var result = image.convertedToRGB()
    // A line for small pictures is a pixel wide, for photographs two.
    let reach = max(width, height) > 96 ? 2 : 1
    for row in 0..<height {
      for column in 0..<width {
        let place = row * width + column
        if mask[place] {
          guard isEdge(mask, row, column, width, height, reach) else { continue }
          for channel in 0..<3 { result.pixels[3 * place + channel] = line[channel] }
        } else {
          for channel in 0..<3 {
            result.pixels[3 * place + channel] = UInt8(Double(result.pixels[3 * place + channel]) * 0.35 + 20)
          }
        }
      }
    }
    return result
  }

  /// Whether a pixel of the region lies next to one that is not of it.
  private static func isEdge(
    _ mask: [Bool], _ row: Int, _ column: Int, _ width: Int, _ height: Int, _ reach: Int
  ) -> Bool {
    for (down, across) in [(-1, 0), (1, 0), (0, -1), (0, 1)] {
      for distance in 1...reach {
        let (y, x) = (row + down * distance, column + across * distance)
        // The picture's own edge closes the line.
        guard y >= 0, x >= 0, y < height, x < width else { return true }
        if !mask[y * width + x] { return true }
      }
    }
    return false
  }
}
