use super::*;

fn parse(json: &str) -> UNetConfig {
    UNetConfig::parse(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// The error of a two-level network with `keys` added.
fn error_of(keys: &str) -> String {
    match UNetConfig::parse(&two_levels(keys)) {
        Err(error) => error.to_string(),
        Ok(config) => panic!("{keys} was accepted: {config:?}"),
    }
}

fn two_levels(keys: &str) -> String {
    format!(
        r#"{{
            "block_out_channels": [8, 16],
            "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
            "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
            "norm_num_groups": 4 {keys}
        }}"#
    )
}

#[test]
fn an_empty_config_has_the_defaults_of_diffusers() {
    let config = parse("{}");
    assert_eq!(config.sample_size, None);
    assert_eq!((config.in_channels, config.out_channels), (3, 3));
    assert_eq!(config.block_out_channels, [224, 448, 672, 896]);
    assert_eq!(config.down_blocks[0], DownBlock::Down);
    assert_eq!(config.down_blocks[1..], [DownBlock::AttnDown; 3]);
    assert_eq!(config.up_blocks[..3], [UpBlock::AttnUp; 3]);
    assert_eq!(config.up_blocks[3], UpBlock::Up);
    assert_eq!(config.time_embedding, TimeEmbedding::Positional { flip_sin_to_cos: true, freq_shift: 0.0 });
    assert_eq!((config.timestep_input_dim(), config.time_embed_dim), (224, 896));
    assert_eq!(config.class_embedding, None);
    let attention = MidAttention { heads: Heads { count: 112, dim: 8 }, norm_groups: Some(32) };
    assert_eq!(config.mid_block, Some(MidBlock { scale_factor: 1.0, attention: Some(attention) }));
    assert_eq!((config.layers_per_block, config.downsample_padding), (2, 1));
    assert_eq!((config.norm_num_groups, config.norm_eps), (32, 1e-5));
    assert_eq!(config.stride(), 8);
}

#[test]
fn spellings_that_diffusers_accepts_are_accepted() {
    let config = parse(
        r#"{
            "_class_name": "UNet2DModel", "unknown": [1], "act_fn": "SiLU",
            "block_out_channels": [8], "norm_num_groups": 4, "sample_size": [6, 10],
            "down_block_types": ["UNetResAttnDownBlock2D"],
            "up_block_types": ["UNetResUpBlock2D"],
            "downsample_type": null, "upsample_type": null, "mid_block_type": null
        }"#,
    );
    assert_eq!(config.act_fn, Activation::Silu);
    assert_eq!(config.sample_size, Some((6, 10)));
    assert_eq!(config.down_blocks, [DownBlock::AttnDown]);
    assert_eq!(config.up_blocks, [UpBlock::Up]);
    assert_eq!(config.downsample_type, Resampling::Conv);
    assert_eq!(config.mid_block, None);
}

#[test]
fn heads_may_leave_channels_over() {
    let config = parse(&two_levels(r#", "attention_head_dim": 6"#));
    let heads = config.heads(16);
    assert_eq!(heads, Heads { count: 2, dim: 6 });
    assert_eq!(heads.inner_dim(), 12);
    let config = parse(&two_levels(r#", "attention_head_dim": null"#));
    assert_eq!(config.heads(16), Heads { count: 1, dim: 16 });
    // Only attentions count: the first level has none.
    parse(&two_levels(r#", "attention_head_dim": 16"#));
    assert!(error_of(r#", "attention_head_dim": 17"#).contains("`attention_head_dim` is 17"));
}

#[test]
fn the_middle_attention_has_norm_rules_of_its_own() {
    let groups = |keys| {
        let middle = parse(&two_levels(keys)).mid_block.unwrap();
        middle.attention.map(|attention| attention.norm_groups)
    };
    assert_eq!(groups(""), Some(Some(4)));
    assert_eq!(groups(r#", "resnet_time_scale_shift": "scale_shift""#), Some(None));
    let both = r#", "resnet_time_scale_shift": "scale_shift", "attn_norm_num_groups": 8"#;
    assert_eq!(groups(both), Some(Some(8)));
    // Without the attention its groups do not matter.
    assert_eq!(groups(r#", "add_attention": false, "attn_norm_num_groups": 5"#), None);
    assert!(error_of(r#", "attn_norm_num_groups": 5"#).contains("`attn_norm_num_groups` is 5"));
}

#[test]
fn resampling_by_residual_block_is_for_attention_blocks_only() {
    let types = r#", "downsample_type": "resnet", "upsample_type": "resnet""#;
    let config = parse(&two_levels(types));
    assert_eq!(config.downsample(0), Some(Resampling::Conv));
    assert_eq!(config.downsample(1), None);
    assert_eq!(config.upsample(0), Some(Resampling::Resnet));
    assert_eq!(config.upsample(1), None);
}

#[test]
fn time_and_class_embeddings() {
    let config = parse(&two_levels(
        r#", "time_embedding_type": "fourier", "time_embedding_dim": 20, "num_class_embeds": 5"#,
    ));
    assert_eq!((config.timestep_input_dim(), config.time_embed_dim), (16, 20));
    assert_eq!(config.class_embedding, Some(ClassEmbedding::Table { num_class_embeds: 5 }));
    let config = parse(&two_levels(
        r#", "time_embedding_type": "learned", "num_train_timesteps": 9,
           "class_embed_type": "timestep", "num_class_embeds": 5"#,
    ));
    assert_eq!(config.time_embedding, TimeEmbedding::Learned { num_train_timesteps: 9 });
    assert_eq!(config.class_embedding, Some(ClassEmbedding::Timestep));
    let learned = r#", "time_embedding_type": "learned""#;
    assert!(error_of(learned).contains("`num_train_timesteps` is null"));
    assert!(error_of(r#", "freq_shift": 4"#).contains("`freq_shift` is 4"));
}

#[test]
fn sizes_must_be_multiples_of_the_stride() {
    let config = parse(&two_levels(""));
    assert_eq!(config.check_size(2, 6), Ok(()));
    for (height, width) in [(0, 2), (3, 2), (2, 3), (2, MAX_SIZE + 2), (usize::MAX, 2)] {
        let error = config.check_size(height, width).unwrap_err().to_string();
        assert!(error.contains(&format!("{height}×{width}")), "{error}");
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    for (key, value) in [
        ("_class_name", "UNet2DConditionModel"),
        ("time_embedding_type", "rotary"),
        ("mid_block_type", "UNetMidBlock2DCrossAttn"),
        ("downsample_type", "fir"),
        ("upsample_type", "fir"),
        ("act_fn", "snake"),
        ("resnet_time_scale_shift", "spatial"),
        ("class_embed_type", "projection"),
    ] {
        let error = error_of(&format!(r#", "{key}": "{value}""#));
        assert!(error.contains(&format!("`{key}` is \"{value}\"")), "{error}");
        assert!(error.contains("supported: "), "{error}");
    }
    for block in ["SkipDownBlock2D", "KDownBlock2D", "ResnetDownsampleBlock2D", "CrossAttnDownBlock2D"] {
        let json = two_levels("").replace("\"DownBlock2D\"", &format!("\"{block}\""));
        let error = UNetConfig::parse(&json).unwrap_err().to_string();
        assert!(error.contains(&format!("`down_block_types[0]` is \"{block}\"")), "{error}");
        assert!(error.contains("supported: DownBlock2D, AttnDownBlock2D"), "{error}");
    }
}

#[test]
fn numbers_are_bounded() {
    const COUNTS: [&str; 9] = [
        "sample_size",
        "in_channels",
        "out_channels",
        "time_embedding_dim",
        "layers_per_block",
        "attention_head_dim",
        "norm_num_groups",
        "attn_norm_num_groups",
        "num_class_embeds",
    ];
    for key in COUNTS {
        for value in ["0", "-1", "2.5", "1e300", "18446744073709551615", "\"3\"", "[]", "true"] {
            let error = error_of(&format!(r#", "{key}": {value}"#));
            assert!(error.contains(&format!("`{key}` is ")), "{key} = {value}: {error}");
        }
    }
    for key in ["freq_shift", "mid_block_scale_factor", "norm_eps", "dropout", "downsample_padding"] {
        for value in ["-1", "1e300", "null", "\"1\""] {
            let error = error_of(&format!(r#", "{key}": {value}"#));
            assert!(error.contains(&format!("`{key}` is ")), "{key} = {value}: {error}");
        }
    }
}

#[test]
fn lists_must_match_each_other() {
    let error = |json: String| UNetConfig::parse(&json).unwrap_err().to_string();
    let with = |from: &str, to: &str| error(two_levels("").replace(from, to));
    assert!(with("[8, 16]", "[8, 16, 16]").contains("`down_block_types` is a list of 2"));
    assert!(with("\"AttnUpBlock2D\", ", "").contains("`up_block_types` is a list of 1"));
    assert!(with("[8, 16]", "[8, 18]").contains("18 channels of `block_out_channels[1]`"));
    assert!(with("[8, 16]", "[8, 0]").contains("`block_out_channels[1]` is 0"));
    assert!(with("[8, 16]", "[]").contains("`block_out_channels` is []"));
    assert!(with("[8, 16]", "[8, 1000000]").contains("`block_out_channels[1]` is 1000000"));
    assert!(error("[]".into()).contains("not a JSON config"));
    assert!(error("{".into()).contains("not a JSON config"));
}
