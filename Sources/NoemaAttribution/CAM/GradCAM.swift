internal import NoemaGraph
internal import NoemaTensor

/// Maps of where a class output draws on a layer, made of activations `A` and derivatives `g` of the output
/// at them, both `[channels, positions]`, `Z` positions in all.
///
/// The layers are the subject's; where it names none, the last map of channels before its positions are
/// brought together, or in transformers the input of the last attention. Each layer gets a map `[examples,
/// height, width]` in its own resolution; `Tensor.resizedMaps` enlarges it.
public struct GradCAM: AttributionMethod, Hashable, Codable {
  /// How activations and derivatives make a map.
  public enum Form: String, Sendable, Hashable, Codable, CaseIterable {
    /// `Σ_k (Σ g_k / Z) A_k`, rectified.
    ///
    /// - Source: Selvaraju et al., "Grad-CAM", 2017, equations 1 and 2.
    case gradCAM = "grad-cam"
    /// `Σ_k w_k A_k`, rectified, with `w_k = Σ α max(g, 0)` and `α = g² / (2 g² + (Σ A_k) g³)`, 0 where
    /// nothing is divided by: the derivatives are those of `exp(y)`.
    ///
    /// - Source: Chattopadhay et al., "Grad-CAM++", 2018, with the exponential of the output as its score.
    case plusPlus = "grad-cam++"
    /// `Σ_k g_k A_k` at each position: with an affine rest of the network it sums to the output, less its
    /// biases.
    ///
    /// - Source: Draelos and Carin, "Use HiResCAM instead of Grad-CAM", 2020.
    case hiRes = "hires-cam"
    /// `Σ_k w_k A_k` with `w_k = Σ g_k A_k / Σ A_k`, 0 for channels whose sum is 0.
    ///
    /// - Source: Fu et al., "Axiom-Based Grad-CAM", 2020.
    case xGrad = "xgrad-cam"
    /// `Σ_k max(g_k, 0) A_k` at each position, rectified: also for early layers.
    ///
    /// - Source: Jiang et al., "LayerCAM", 2021.
    case layer = "layer-cam"

    /// Whether the paper keeps positive values alone.
    public var isRectified: Bool { [.gradCAM, .plusPlus, .layer].contains(self) }
  }

  /// How the map is made.
  public var form: Form
  /// Whether negative values become 0.
  public var isRectified: Bool
  /// Whether derivatives change their signs: the map then shows what speaks against the class.
  public var isCounterfactual: Bool
  /// How the layers' values lie.
  public var layout: MapLayout

  /// Makes the method; Grad-CAM, and rectified as the form's paper has it, unless told otherwise.
  public init(
    _ form: Form = .gradCAM, isRectified: Bool? = nil, isCounterfactual: Bool = false,
    layout: MapLayout = .automatic
  ) {
    self.form = form
    self.isRectified = isRectified ?? form.isRectified
    self.isCounterfactual = isCounterfactual
    self.layout = layout
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    ActivationMapAttributor(
      reader: try ActivationReader(subject, layout, gradients: true), usesGradients: true,
      isRectified: isRectified
    ) { [form, sign = isCounterfactual ? -1.0 : 1] maps in
      switch form {
      case .gradCAM: maps.gradCAM(sign)
      case .plusPlus: maps.gradCAMPlusPlus(sign)
      case .hiRes: maps.products { sign * $0 }
      case .xGrad: maps.xGradCAM(sign)
      case .layer: maps.products { max(sign * $0, 0) }
      }
    }
  }
}

extension ChannelMaps {
  fileprivate func gradCAM(_ sign: Double) -> [Double] {
    weighted(
      by: (0..<channels).map { channel in
        sign * gradients[range(channel)].reduce(0) { $0 + Double($1) } / Double(positions)
      })
  }

  fileprivate func gradCAMPlusPlus(_ sign: Double) -> [Double] {
    weighted(
      by: (0..<channels).map { channel in
        let total = activations[range(channel)].reduce(0) { $0 + Double($1) }
        return gradients[range(channel)].reduce(0) { sum, gradient in
          // g² cancels in α.
          let g = sign * Double(gradient), denominator = 2 + total * g
          return g > 0 && denominator != 0 ? sum + g / denominator : sum
        }
      })
  }

  fileprivate func xGradCAM(_ sign: Double) -> [Double] {
    weighted(
      by: (0..<channels).map { channel in
        var total = 0.0, products = 0.0
        for i in range(channel) {
          total += Double(activations[i])
          products += Double(activations[i]) * Double(gradients[i])
        }
        return total == 0 ? 0 : sign * products / total
      })
  }

  /// `Σ_k h(g_k) A_k` at each position.
  func products(_ transform: (Double) -> Double) -> [Double] {
    var map = [Double](repeating: 0, count: positions)
    for channel in 0..<channels {
      let start = channel * positions
      for p in 0..<positions {
        map[p] += transform(Double(gradients[start + p])) * Double(activations[start + p])
      }
    }
    return map
  }
}
