internal import NoemaData
public import NoemaTensor

/// A `.npz` file in the making, for tests that need arrays under names.
public enum ArchiveDraft {
  /// The bytes of an archive that stores arrays as they are.
  ///
  /// - Source: PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
  public static func bytes(_ arrays: KeyValuePairs<String, Tensor>) -> [UInt8] {
    var file: [UInt8] = [], directory: [UInt8] = []
    for (key, tensor) in arrays {
      let name = Array("\(key).npy".utf8), content = NPYFile.bytes(of: tensor)
      // Version, flags, method, time and date; then checksum and sizes, packed and not.
      var facts = number(20, 2) + number(0, 2) + number(0, 2) + number(0, 4)
      facts += number(Int(checksum(content)), 4) + number(content.count, 4) + number(content.count, 4)
      facts += number(name.count, 2) + number(0, 2)
      let offset = file.count
      file += number(0x0403_4B50, 4) + facts + name + content
      directory += number(0x0201_4B50, 4) + number(20, 2) + facts
      // Comment, disk and attributes; then the place of the member.
      directory += number(0, 2) + number(0, 2) + number(0, 2) + number(0, 4) + number(offset, 4) + name
    }
    let counts = number(arrays.count, 2) + number(arrays.count, 2)
    file += directory + number(0x0605_4B50, 4) + number(0, 4) + counts
    return file + number(directory.count, 4) + number(file.count - directory.count - 12, 4) + number(0, 2)
  }

  private static func number(_ value: Int, _ byteCount: Int) -> [UInt8] {
    (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// The CRC-32 of zip archives, bit by bit.
  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    var remainder = UInt32.max
    for byte in bytes {
      remainder ^= UInt32(byte)
      for _ in 0..<8 { remainder = remainder >> 1 ^ (remainder & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    return ~remainder
  }
}
