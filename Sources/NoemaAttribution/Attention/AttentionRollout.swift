internal import NoemaGraph
internal import NoemaTensor

/// What reaches a token from each of the others when attention mixes tokens from layer to layer: the
/// token's row of `Ã_L … Ã_1` with `Ã = (A + I) / 2`, the half that stays being the connection around the
/// attention. It does not depend on the class.
///
/// - Source: Abnar and Zuidema, "Quantifying Attention Flow in Transformers", 2020, equation 1.
public struct AttentionRollout: AttributionMethod, Hashable, Codable {
  /// How heads become one.
  public var heads: HeadFusion
  /// The share of each layer's weights, the smallest, that are left out; the class token's or last token's
  /// column stays.
  public var discarded: Double
  /// The token whose row is read.
  public var attending: AttendingToken
  /// How tokens lie on an image.
  public var layout: MapLayout

  /// Makes the method; of the class token, with the mean of heads and all weights, unless told otherwise.
  public init(
    heads: HeadFusion = .mean, discarded: Double = 0, attending: AttendingToken = .classToken,
    layout: MapLayout = .automatic
  ) {
    self.heads = heads
    self.discarded = discarded
    self.attending = attending
    self.layout = layout
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    guard (0..<1).contains(discarded) else {
      throw GraphError(.input("attention rollout leaves out a share from 0 to below 1, found \(discarded)"))
    }
    return try AttentionAttributor(AttentionRunner(subject, layout: layout), attending, heads) {
      [discarded] attention in
      // From the top, row by matrix: a row of the product needs no product of matrices.
      let own = attention.start.firstIndex(of: 1)
      return attention.layers.reversed().reduce(attention.start) { row, layer in
        layer.discarding(discarded, keepingColumn: own).withResidual().advanced(row)
      }
    }
  }
}

extension Matrix {
  /// The matrix with a share of its elements, the smallest, set to 0.
  fileprivate func discarding(_ share: Double, keepingColumn kept: Int?) -> Matrix {
    let count = Int(share * Double(elements.count))
    guard count > 0 else { return self }
    var result = self
    let order = elements.indices.sorted { (elements[$0], $0) < (elements[$1], $1) }
    for index in order.prefix(count) where index % columnCount != kept { result.elements[index] = 0 }
    return result
  }
}
