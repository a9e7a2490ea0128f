/// What a JPEG file says of itself before its compressed data.
struct JPEGHeader {
  /// Width in pixels as stored, before the orientation is applied.
  var width = 0
  /// Height in pixels as stored.
  var height = 0
  /// 1 grey, 3 colour, 4 CMYK or YCCK.
  var componentCount = 0
  /// Bits per sample.
  var precision = 0
  /// Which way up the picture is to be shown.
  var orientation = EXIFOrientation.upright

  /// Walks the markers up to the first scan.
  ///
  /// - Throws: ``DataError`` for a missing frame header, a segment beyond the file's end, or extents of 0.
  init(_ bytes: [UInt8], name: String) throws(DataError) {
    func malformed(_ text: String) -> DataError {
      DataError(.malformed("not a whole JPEG: \(text)"), at: name)
    }
    guard bytes.starts(with: [0xFF, 0xD8]) else { throw malformed("the first two bytes are not FF D8") }
    var offset = 2, hasOrientation = false
    while true {
      guard let marker = Self.nextMarker(in: bytes, from: &offset) else {
        throw malformed("the file ends at byte \(bytes.count) before the picture begins; copy it again")
      }
      switch marker {
      case 0x01, 0xD0...0xD8: continue
      case 0xD9: throw malformed("it ends before the picture begins")
      default: break
      }
      guard offset + 2 <= bytes.count else {
        throw malformed("the file ends at byte \(bytes.count); copy it again")
      }
      let length = Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
      guard length >= 2, offset + length <= bytes.count else {
        throw malformed("a segment of \(length) bytes at byte \(offset) exceeds the file's \(bytes.count)")
      }
      let payload = bytes[offset + 2..<offset + length]
      offset += length
      switch marker {
      case 0xDA:
        guard componentCount > 0 else { throw malformed("the picture's extents are missing") }
        return
      case 0xC4, 0xC8, 0xCC: break
      case 0xC0...0xCF:
        guard componentCount == 0 else { throw malformed("it holds two frame headers") }
        try readFrame(payload, name: name)
      case 0xE1 where !hasOrientation:
        if let found = EXIFOrientation(app1: payload) { (orientation, hasOrientation) = (found, true) }
      default: break
      }
    }
  }

  private mutating func readFrame(_ payload: ArraySlice<UInt8>, name: String) throws(DataError) {
    let frame = Array(payload.prefix(6))
    guard frame.count == 6 else {
      throw DataError(.malformed("not a whole JPEG: short frame header"), at: name)
    }
    precision = Int(frame[0])
    height = Int(frame[1]) << 8 | Int(frame[2])
    width = Int(frame[3]) << 8 | Int(frame[4])
    componentCount = Int(frame[5])
    guard width > 0, height > 0, componentCount > 0 else {
      throw DataError(
        .malformed("JPEG of \(width) × \(height) pixels with \(componentCount) components"), at: name)
    }
  }

  /// The next marker's code, with `offset` behind it; bytes that belong to no segment are skipped.
  private static func nextMarker(in bytes: [UInt8], from offset: inout Int) -> UInt8? {
    while offset + 1 < bytes.count {
      defer { offset += 1 }
      if bytes[offset] == 0xFF, bytes[offset + 1] != 0xFF, bytes[offset + 1] != 0 {
        defer { offset += 1 }
        return bytes[offset + 1]
      }
    }
    return nil
  }
}
