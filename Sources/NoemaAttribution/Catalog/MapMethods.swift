internal import NoemaGraph

extension MethodDescription {
  private static func map(
    _ name: String, _ summary: String, _ paper: String, needs: String = "", cost: String = onePass,
    _ method: any AttributionMethod
  ) -> MethodDescription {
    MethodDescription(name, .maps, summary, paper: paper, needs: needs, cost: cost) { _ in method }
  }

  static let maps: [MethodDescription] = [
    map(
      "cam", "Evidence of each position where the network averages them.", "Zhou et al. 2016",
      needs: "average pooling before one dense layer", cost: "1 forward", ClassActivationMap()),
    map("grad-cam", "Positions by channels that raise the output.", "Selvaraju et al. 2017", GradCAM()),
    map(
      "grad-cam++", "The same, weighting positions of a channel.", "Chattopadhay et al. 2018",
      GradCAM(.plusPlus)),
    map(
      "hires-cam", "Gradient times activation at each position.", "Draelos and Carin 2020", GradCAM(.hiRes)),
    map("xgrad-cam", "Channels weighted by gradient times activation.", "Fu et al. 2020", GradCAM(.xGrad)),
    map("layer-cam", "Positive gradients weight each position.", "Jiang et al. 2021", GradCAM(.layer)),
    map(
      "eigen-cam", "The strongest pattern of a layer, whatever the class.", "Muhammad and Yeasin 2020",
      cost: "1 forward", EigenCAM()),
    map(
      "eigen-grad-cam", "The strongest pattern of gradient times activation.", "Muhammad and Yeasin 2020",
      EigenCAM(usesGradients: true)),
    map(
      "score-cam", "Channels weighted by the output that they let through.", "Wang et al. 2020",
      cost: "channels × 1 forward", ScoreCAM()),
    map(
      "ablation-cam", "Channels weighted by what their absence costs.", "Desai and Ramaswamy 2020",
      cost: "channels × 1 forward from the layer", AblationCAM()),
    map(
      "full-grad", "Gradient times input and every bias, where its layer holds it.",
      "Srinivas and Fleuret 2019",
      needs: "images", FullGrad()),
    map(
      "full-grad-channels", "The same, each channel scaled by itself.", "Srinivas and Fleuret 2019",
      needs: "images", FullGrad(.perChannel)),
    map(
      "full-grad-simple", "The same without scaling.", "Srinivas and Fleuret 2019", needs: "images",
      FullGrad(.simple)),
    map(
      "full-grad-raw", "Signed terms, which sum to the output less the biases of dense layers.",
      "Srinivas and Fleuret 2019", needs: "images", FullGrad(.raw)),
    map(
      "guided-grad-cam", "Guided backprop within Grad-CAM.", "Selvaraju et al. 2017", needs: "rectifiers",
      cost: "2 forward, 2 backward", GuidedGradCAM()),
  ]
}
