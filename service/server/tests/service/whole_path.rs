//! Damaged contributions of every format through the whole path, as `just fuzz whole_path` does it for longer.

use std::io::{Cursor, Write as _};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use zarr_fuse_decode::Format;
use zarr_fuse_harness::chance::Chance;

use super::corpora::whole_path::path::{FORMATS, Paths};

/// Damaged bodies of each format for each node, unless `ZF_DAMAGE_CASES` asks for more.
const N_TRIES: usize = 4;

const CSV: &str = "time,depth,station,temp,count,note
2024-02-28T18:00:00Z,0,A,1.5,3,ab
2024-02-28T18:00:00Z,1.5,Žižkov,-2,4,
2024-02-29T06:00:00Z,0,A,,5,cd
2024-03-01T00:00:00Z,7,B,1e3,-6,\"e\"\"f\"
";
const RECORD: &str =
    r#"{"time": "2024-02-28T18:00:00Z", "depth": 1.5, "station": "A", "temp": -2.5, "count": 7}"#;
const POINTS: &str = "m,station=A depth=1.5,temp=-2.5,count=7i 1709143200000000000
m,station=B depth=0,temp=3,count=8i 1709143260000000000
";
const TOA5: &str = "\"TOA5\",\"A\",\"CR1000X\",\"1\",\"CR1000X.Std\",\"CPU:a.CR1X\",\"1\",\"T\"
\"time\",\"depth\",\"station\",\"temp\",\"count\"
\"TS\",\"m\",\"\",\"Deg C\",\"\"
\"\",\"\",\"Smp\",\"Avg\",\"Smp\"
\"2024-05-01 00:00:00\",0,\"A\",8.41,3
\"2024-05-01 00:10:00\",1,\"B\",\"NAN\",4
";

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../decode/tests/fixtures/formats");
    std::fs::read(folder.join(name)).unwrap()
}

fn batch() -> RecordBatch {
    let times = [1_709_143_200_000_000, 1_709_143_260_000_000];
    let times = TimestampMicrosecondArray::from(times.to_vec()).with_timezone("UTC");
    let columns: [(&str, ArrayRef); 5] = [
        ("time", Arc::new(times)),
        ("depth", Arc::new(Float64Array::from(vec![0.0, 1.5]))),
        ("station", Arc::new(StringArray::from(vec!["A", "B"]))),
        ("temp", Arc::new(Float64Array::from(vec![Some(1.5), None]))),
        ("count", Arc::new(Int64Array::from(vec![1, 2]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn ods() -> Vec<u8> {
    let cell = |kind: &str, value: &str| {
        format!(
            r#"<table:table-cell office:value-type="{kind}" office:{kind_of}="{value}"><text:p>{value}</text:p></table:table-cell>"#,
            kind_of = if kind == "date" {
                "date-value"
            } else {
                "value"
            }
        )
    };
    let text = |text: &str| {
        format!(
            r#"<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>"#
        )
    };
    let head: String = ["time", "depth", "station", "temp", "count"]
        .map(text)
        .concat();
    let row = cell("date", "2024-02-29T12:30:00")
        + &cell("float", "1.5")
        + &text("A")
        + &cell("float", "2")
        + &cell("float", "3");
    let rows = format!(
        r#"<table:table-row>{head}</table:table-row><table:table-row table:number-rows-repeated="2">{row}</table:table-row>"#
    );
    let content = format!(
        r#"<office:document-content><table:table table:name="A">{rows}</table:table></office:document-content>"#
    );
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("content.xml", zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(content.as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

/// A good body of a format.
fn sample(format: Format) -> Vec<u8> {
    match format {
        Format::Csv => CSV.into(),
        Format::Json => format!("[{RECORD}, {RECORD}]").into(),
        Format::Ndjson => format!("{RECORD}\n{RECORD}\n").into(),
        Format::LineProtocol => POINTS.into(),
        Format::Toa5 => TOA5.into(),
        Format::Parquet => {
            let batch = batch();
            let mut bytes = Vec::new();
            let mut writer =
                parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            bytes
        }
        Format::Arrow => {
            let batch = batch();
            let mut writer =
                arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
            writer.write(&batch).unwrap();
            writer.into_inner().unwrap()
        }
        Format::Xlsx => fixture("logger.xlsx"),
        Format::Ods => ods(),
        Format::Netcdf => fixture("slab3.nc"),
        Format::Zarr => fixture("slab3.zarr.zip"),
        Format::Grib => fixture("levels.grib1"),
        Format::Form => b"time=2024-02-29T12%3A30&depth=1.5&station=A&temp=2&count=3".to_vec(),
    }
}

/// Some bytes changed, cut off, doubled or put elsewhere; in text, also digits for digits.
fn damage(bytes: &mut Vec<u8>, chance: &mut Chance) {
    let mut below = |n: usize| usize::try_from(chance.below(n.max(1) as u64)).unwrap();
    for _ in 0..=below(3) {
        let at = below(bytes.len());
        match below(6) {
            0 => bytes.truncate(at.max(1)),
            1 => bytes[at] = u8::try_from(below(256)).unwrap(),
            2 => bytes[at] = [0, 0x7f, 0x80, 0xff, b'-', b'e', b',', b'\n'][below(8)],
            3 => {
                // Another digit, which leaves text readable.
                let digits: Vec<usize> = (0..bytes.len())
                    .filter(|at| bytes[*at].is_ascii_digit())
                    .collect();
                if let Some(at) = digits.get(below(digits.len())) {
                    bytes[*at] = b'0' + u8::try_from(below(10)).unwrap();
                }
            }
            4 => {
                let piece = bytes[at..(at + 1 + below(40)).min(bytes.len())].to_vec();
                let to = below(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => {
                let end = (at + 8).min(bytes.len());
                bytes[at..end].fill([0, 0xff][below(2)]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_contributions_of_every_format_leave_nodes_that_open() {
    let paths = Paths::new();
    let n_tries = std::env::var("ZF_DAMAGE_CASES").map_or(N_TRIES, |n| n.parse().unwrap());
    let mut chance = Chance(9);
    for schema in &paths.nodes {
        for (number, format) in FORMATS.iter().enumerate() {
            let good = sample(*format);
            // Between good ones, as in life.
            let mut bodies: Vec<Vec<u8>> = vec![good.clone()];
            for _ in 0..n_tries {
                let mut bytes = good.clone();
                damage(&mut bytes, &mut chance);
                bodies.push(bytes);
            }
            bodies.push(good);
            let bodies: Vec<(usize, &[u8])> = bodies
                .iter()
                .map(|body| (number, body.as_slice()))
                .collect();
            let n_rows = paths.fold(schema, &bodies).await;
            // The others are read, and have other columns.
            let fits = !matches!(
                format,
                Format::Xlsx | Format::Netcdf | Format::Zarr | Format::Grib
            );
            assert!(n_rows > 0 || !fits, "{format:?} into `{}`", schema.path);
        }
    }
}
