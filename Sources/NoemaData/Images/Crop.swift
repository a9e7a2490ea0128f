/// How a centre crop places an odd margin.
public enum CropRounding: String, Sendable, CaseIterable {
  /// Half the margin, halves to the even neighbour: torchvision's `CenterCrop`.
  case halfToEven = "half_to_even"
  /// Half the margin, halves down: `(size - crop) // 2`.
  case down

  /// The crop's offset along one axis; negative where the crop is larger and the image is padded.
  func offset(size: Int, crop: Int) -> Int {
    let margin = size - crop
    guard margin >= 0 else { return -(-margin / 2) }
    return self == .halfToEven && margin % 4 == 3 ? margin / 2 + 1 : margin / 2
  }
}

extension Image {
  /// The part of the image in a rectangle; what lies outside the image is filled.
  ///
  /// - Parameters:
  ///   - top: The first row; may be negative.
  ///   - left: The first column; may be negative.
  ///   - height: Rows of the result.
  ///   - width: Columns of the result.
  ///   - fill: The byte of every channel outside the image.
  /// - Throws: ``DataError`` for a rectangle without area or above ``ImageFile/pixelLimit``.
  public func cropped(
    top: Int, left: Int, height newHeight: Int, width newWidth: Int, fill: UInt8 = 0
  ) throws(DataError) -> Image {
    guard newHeight > 0, newWidth > 0 else {
      throw DataError(.parameters("crop of \(newWidth) × \(newHeight) pixels; both must be at least 1"))
    }
    try ImageFile.checkExtents(width: newWidth, height: newHeight, at: "crop")
    // Clamped first, so that no sum below can overflow.
    let top = max(min(top, height), -newHeight), left = max(min(left, width), -newWidth)
    let rows = max(0, top)..<max(0, top, min(height, top + newHeight))
    let columns = max(0, left)..<max(0, left, min(width, left + newWidth))
    var result = [UInt8](repeating: fill, count: newHeight * newWidth * channelCount)
    if !columns.isEmpty {
      for row in rows {
        let source = (row * width + columns.lowerBound) * channelCount
        let target = ((row - top) * newWidth + columns.lowerBound - left) * channelCount
        let count = columns.count * channelCount
        result.replaceSubrange(target..<target + count, with: pixels[source..<source + count])
      }
    }
    return Image(width: newWidth, height: newHeight, channelCount: channelCount, pixels: result)
  }

  /// The middle of the image; an image smaller than the crop is padded with black, as torchvision does.
  ///
  /// - Throws: ``DataError`` for a crop without area or above ``ImageFile/pixelLimit``.
  public func centreCropped(
    height newHeight: Int, width newWidth: Int, rounding: CropRounding = .halfToEven
  ) throws(DataError) -> Image {
    if newHeight == height, newWidth == width { return self }
    let limit = ImageFile.pixelLimit
    guard newHeight <= limit, newWidth <= limit else {
      throw DataError(.tooLarge("crop of \(newWidth) × \(newHeight) pixels, at most \(limit) are made"))
    }
    return try cropped(
      top: rounding.offset(size: height, crop: newHeight), left: rounding.offset(size: width, crop: newWidth),
      height: newHeight, width: newWidth)
  }

  /// The image in the middle of a square as long as its longer side; an odd margin's extra pixel goes
  /// to the right or below.
  ///
  /// - Throws: ``DataError`` for a square above ``ImageFile/pixelLimit`` or an image without pixels.
  public func paddedToSquare(fill: UInt8 = 0) throws(DataError) -> Image {
    let side = max(width, height)
    if width == height, side > 0 { return self }
    return try cropped(
      top: -((side - height) / 2), left: -((side - width) / 2), height: side, width: side, fill: fill)
  }
}
