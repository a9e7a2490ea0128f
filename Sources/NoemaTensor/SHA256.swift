internal import CCrypto

/// SHA-256, for naming models and data in results.
///
/// - Source: FIPS 180-4, as OpenSSL computes it.
public enum SHA256 {
  /// The digest of some bytes, 32 bytes.
  public static func digest(of bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    // OpenSSL refuses a null pointer even for no bytes.
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1) { none in
      let start = bytes.baseAddress.map { $0.assumingMemoryBound(to: UInt8.self) }
      _ = CCrypto.SHA256(start ?? UnsafePointer(none.baseAddress!), bytes.count, &digest)
    }
    return digest
  }

  /// The digest of some bytes, as 64 hexadecimal digits.
  public static func hexadecimal(of bytes: UnsafeRawBufferPointer) -> String {
    let digits = Array("0123456789abcdef")
    return String(digest(of: bytes).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }
}
