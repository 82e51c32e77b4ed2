//! A plugin of buf that generates messages and stubs with tonic's own generator, so that nobody needs
//! protoc and `buf generate` stays the one command for all languages. Started by buf, see `buf.gen.yaml`.

use std::error::Error;
use std::io::{Read, Write};
use std::path::Path;
use std::{fs, io};

use prost::Message;
use prost_types::FileDescriptorSet;
use prost_types::compiler::code_generator_response::{Feature, File};
use prost_types::compiler::{CodeGeneratorRequest, CodeGeneratorResponse};

fn main() -> Result<(), Box<dyn Error>> {
    let mut input = Vec::new();
    io::stdin().read_to_end(&mut input)?;
    let request = CodeGeneratorRequest::decode(input.as_slice())?;
    let response = CodeGeneratorResponse {
        file: generate(FileDescriptorSet {
            file: request.proto_file,
        })?,
        supported_features: Some(Feature::Proto3Optional as u64),
        ..Default::default()
    };
    io::stdout().write_all(&response.encode_to_vec())?;
    Ok(())
}

/// One file for each protobuf package, named after it.
fn generate(descriptors: FileDescriptorSet) -> Result<Vec<File>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    tonic_prost_build::configure()
        .out_dir(folder.path())
        // Ordered maps: the same message has the same bytes in every run.
        .btree_map(".")
        .client_mod_attribute(".", "#[cfg(feature = \"client\")]")
        .server_mod_attribute(".", "#[cfg(feature = \"server\")]")
        .compile_fds(descriptors)?;
    read_folder(folder.path())
}

fn read_folder(folder: &Path) -> Result<Vec<File>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or("a file without a name")?;
        files.push(File {
            name: Some(name.to_owned()),
            content: Some(fs::read_to_string(&path)?),
            ..Default::default()
        });
    }
    files.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(files)
}
